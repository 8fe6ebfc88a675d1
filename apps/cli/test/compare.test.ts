import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { imageModel } from "@vitrine/checkpoint"
import { forwardFlops } from "@vitrine/core"
import bitRecipe from "@vitrine/recipes/comparison/bit"
import hybridRecipe from "@vitrine/recipes/comparison/hybrid"
import vitRecipe from "@vitrine/recipes/comparison/vit"
import { resolveRecipe } from "vitrine"
import { beforeAll, describe, expect, test } from "vitest"
import { expectFault, golden, temporaryFolder, tinyData, vitrine } from "./vitrine.ts"

const folder = temporaryFolder()
const data = tinyData(join(folder, "data"))
const runs = ["vit", "hybrid", "bit"].map((name) => join(folder, name))
const [vit = "", hybrid = "", bit = ""] = runs
const models = {
  vit: { patchSize: [4, 4], dim: 16, depth: 1, heads: 2, mlpDim: 32, pool: "average" },
  hybrid: {
    stem: { width: 4, depths: [1], groups: 2, numerics: "timm" },
    patchSize: [1, 1],
    dim: 8,
    depth: 1,
    heads: 2,
    mlpDim: 16,
  },
  bit: { stemWidth: 4, widths: [16], depths: [1], groups: 2 },
}

beforeAll(async () => {
  for (const [name, model] of Object.entries(models)) {
    const recipe = join(folder, `${name}.json`)
    writeFileSync(recipe, JSON.stringify({ model, steps: 6, batchSize: 8, accumulate: 2, evaluateEvery: 2 }))
    const flags = ["--data", data, "--recipe", recipe, "--threads", "1", "--workers", "0", "--out", join(folder, name)]
    expect((await vitrine(["train", ...flags])).code).toBe(0)
  }
}, 60_000)

describe("compare", () => {
  test("tells of each run what it has come to, and what was computed for it", async () => {
    const { code, stdout, stderr } = await vitrine(["compare", ...runs, "--json"])
    expect([code, stderr]).toEqual([0, ""])
    const { runs: found } = JSON.parse(stdout)
    expect(found.map(({ run, family }: { run: string; family: string }) => [run, family])).toEqual([
      [vit, "ViT"],
      [hybrid, "hybrid"],
      [bit, "BiT"],
    ])
    const [first] = found
    // 4 patches of 16 pixels; queries, keys, values, projection and MLP; scores and sums; 3 logits.
    const forward = 2 * (4 * 16 * 16 + 4 * (4 * 16 * 16 + 2 * 16 * 32) + 2 * 4 * 4 * 16 + 16 * 3)
    expect(first).toMatchObject({
      forwardFlops: forward,
      step: 6,
      steps: 6,
      imagesPerStep: 16,
      trainingFlops: 3 * forward * 96,
      data,
      from: null,
    })
    const metrics = readFileSync(join(vit, "metrics.jsonl"), "utf8").trim().split("\n")
    const measured = metrics.map((line) => JSON.parse(line)).filter(({ type }) => type === "evaluation")
    expect(first.evaluations.map(({ step, top1 }: { step: number; top1: number }) => [step, top1])).toEqual(
      measured.map(({ step, top1 }) => [step, top1]),
    )
    expect(first.evaluations[0]).toMatchObject({ images: 32, flops: 3 * forward * 32 })
    expect(first.last).toEqual(first.evaluations.at(-1))
    expect(first.best.top1).toBe(Math.max(...measured.map(({ top1 }) => top1)))
  })

  test("images count the short last batch of each epoch as it is", async () => {
    const run = join(folder, "short")
    const recipe = join(folder, "short.json")
    writeFileSync(recipe, JSON.stringify({ model: models.vit, steps: 5, batchSize: 60 }))
    const flags = ["--data", data, "--recipe", recipe, "--threads", "1", "--workers", "0", "--out", run]
    expect((await vitrine(["train", ...flags])).code).toBe(0)
    const { runs: found } = JSON.parse((await vitrine(["compare", run, "--json"])).stdout)
    // Of 96 images: 60 and 36, twice, and 60.
    expect(found[0]).toMatchObject({ step: 5, images: 252, trainingFlops: 3 * 252 * found[0].forwardFlops })
  })

  test("prints a table and draws a plot", async () => {
    const out = join(folder, "plot.svg")
    const { code, stdout, stderr } = await vitrine(["compare", ...runs, "-o", out])
    expect([code, stderr]).toEqual([0, `${out}: accuracy against training compute\n`])
    const [titles = "", ...rows] = stdout.trimEnd().split("\n")
    expect(titles.trim().split(/\s{2,}/)).toEqual(
      "run,model,parameters,FLOPs/image,images,total FLOPs,steps,best,last,time".split(","),
    )
    expect(rows.map((row) => row.split(/\s{2,}/).slice(0, 2))).toEqual([
      [vit, "ViT 1×16 /4"],
      [hybrid, "ResNet 1, ViT 1×8 /1"],
      [bit, "BiT 1, 16"],
    ])
    expect(rows[0]).toMatch(/ 96 .* 6 +\d+\.\d\d % +\d+\.\d\d % +0:0\d$/)
    expect(readFileSync(out, "utf8")).toMatch(/^<svg.*hybrid.*<\/svg>\n$/s)
    const png = join(folder, "plot.png")
    expect((await vitrine(["compare", vit, "-o", png, "--theme", "dark"])).code).toBe(0)
    expect(readFileSync(png).subarray(1, 4).toString()).toBe("PNG")
  })

  test("takes a run that has not been measured yet, or is not at its end", async () => {
    const young = join(folder, "young")
    mkdirSync(young)
    writeFileSync(join(young, "config.json"), readFileSync(join(vit, "config.json")))
    const lines = readFileSync(join(vit, "metrics.jsonl"), "utf8").split("\n")
    writeFileSync(join(young, "metrics.jsonl"), `${lines[0]}\n${lines[1]?.slice(0, 20)}`)
    const { code, stdout } = await vitrine(["compare", young, hybrid])
    expect(code).toBe(0)
    expect(stdout).toMatch(/young .* 1 of 6 +– +– +0:0\d\n/)
    expectFault(await vitrine(["compare", young, "-o", join(folder, "none.svg")]), /no run has an evaluation yet/)
    expect(existsSync(join(folder, "none.svg"))).toBe(false)
  })

  test("says what is no run, or none that can be compared", async () => {
    expectFault(await vitrine(["compare", join(folder, "nowhere")]), /nowhere\/config\.json: .*no such file/)
    expectFault(await vitrine(["compare", vit, golden]), /config\.json: does not say how the model was trained/)
    expectFault(await vitrine(["compare", vit, "-o", "plot.pdf"]), /plot\.pdf: the name must end in \.svg or \.png/, 2)
    const config = JSON.parse(readFileSync(join(vit, "config.json"), "utf8"))
    const changed = (name: string, fields: object): string => {
      mkdirSync(join(folder, name))
      const { vitrine: record } = config
      const told = { ...config, vitrine: { ...record, recipe: { ...record.recipe, ...fields } } }
      writeFileSync(join(folder, name, "config.json"), JSON.stringify(told))
      return join(folder, name)
    }
    expectFault(await vitrine(["compare", changed("masked", { task: "masked-patch" })]), /learns masked-patch/)
    expectFault(await vitrine(["compare", changed("sizeless", { batchSize: "8" })]), /batchSize must be .* got "8"/)
  })
})

describe("the comparison of the families", () => {
  const facts = { examples: 50_000, classes: 10, mean: [0.5], std: [0.25] }

  test.each([
    ["Fashion-MNIST", { ...facts, channels: 1, imageSize: [28, 28] as const }],
    ["CIFAR-10", { ...facts, channels: 3, imageSize: [32, 32] as const }],
  ])("is of models of equal FLOPs on %s", (_, data) => {
    const flops = [vitRecipe, hybridRecipe, bitRecipe].map((recipe) =>
      forwardFlops(imageModel(resolveRecipe(recipe(data), data, 0).config)),
    )
    expect(Math.max(...flops) / Math.min(...flops)).toBeLessThan(1.05)
  })

  test("is made by one command, which trains what is not trained yet", { timeout: 180_000 }, () => {
    const images = tinyData(join(folder, "tiny"), { side: 28, train: 64 })
    const script = fileURLToPath(new URL("../../../recipes/comparison/run.mjs", import.meta.url))
    const out = join(folder, "comparison")
    const flags = ["--data", images, "--out", out, "--steps", "1", "--threads", "1", "--seeds", "3"]
    const again = (): string => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...flags], { encoding: "utf8" })
      expect(status, stderr).toBe(0)
      return stdout + stderr
    }
    expect(again().match(/Training /g)).toHaveLength(3)
    const second = again()
    expect(second).not.toContain("Training ")
    const rows = readFileSync(join(out, "table.md"), "utf8").trim().split("\n")
    expect(rows.slice(2).map((row) => row.split(" | ").slice(0, 5))).toEqual([
      ["| tiny", "ViT", "59,955", "6.42 M", "1"],
      ["| tiny", "hybrid", "59,035", "6.39 M", "1"],
      ["| tiny", "BiT", "394,419", "6.37 M", "1"],
    ])
    expect(readFileSync(join(out, "comparison.svg"), "utf8")).toContain(">hybrid</text>")
  })
})
