import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { readSafetensors } from "@vitrine/checkpoint"
import { figureTable } from "@vitrine/interpret"
import { describe, expect, test } from "vitest"
import { expectFault, golden, temporaryFolder, tinyData, tinyModel, vitrine } from "./vitrine.ts"

const images = ["wide-rgb.png", "grey.png"].map((name) => join(golden, name))
const [first = ""] = images
const folder = temporaryFolder()

/** What timm's blocks give, by NAME of `folder.NAME`. */
function timm(name: string): number[] {
  const file = fileURLToPath(new URL("../../../tooling/golden/files/interpret.safetensors", import.meta.url))
  return Array.from(readSafetensors(readFileSync(file), file).tensors.get(`folder.${name}`)?.data ?? [], Number)
}

const worst = (found: Iterable<number>, wanted: readonly number[]): number =>
  Math.max(...Array.from(found, (x, i) => Math.abs(x - (wanted[i] as number))))

test("a file in the place of the folder of figures is one line", async () => {
  const file = join(folder, "FILE")
  writeFileSync(file, "")
  expectFault(await vitrine(["inspect", golden, first, "--out", file]), /FILE: is a file, not a folder; name another/)
})

describe("inspect --tap", () => {
  test("gives what timm's blocks give, as JSON", async () => {
    const args = ["inspect", golden, first, "--tap", "blocks.0,blocks.1", "--tap", "blocks.1.residual2", "--json"]
    const { code, stdout, stderr } = await vitrine(args)
    expect([code, stderr]).toEqual([0, ""])
    const { model, backend, results } = JSON.parse(stdout)
    expect([model, backend, results.length, results[0].file]).toEqual([golden, "onnx", 1, first])
    const { taps } = results[0]
    expect(Object.keys(taps).sort()).toEqual(["blocks.0", "blocks.1", "blocks.1.residual2"])
    for (const name of ["blocks.0", "blocks.1"]) {
      expect(taps[name].shape).toEqual([1, 10, 48])
      expect(worst(taps[name].data, timm(name))).toBeLessThan(5e-5)
    }
    expect(taps["blocks.1.residual2"]).toEqual(taps["blocks.1"])
  })

  test("writes them as safetensors, the images along the first dimension", async () => {
    const out = join(folder, "taps.safetensors")
    const { code, stderr } = await vitrine(["inspect", golden, ...images, "--tap", "blocks.1,pooled", "-o", out])
    expect([code, stderr]).toEqual([0, `${out}: blocks.1, pooled of 2 images\n`])
    const { tensors, metadata } = readSafetensors(readFileSync(out), out)
    expect(JSON.parse(metadata.files ?? "")).toEqual(images)
    expect(tensors.get("pooled")?.shape).toEqual([2, 48])
    const block = tensors.get("blocks.1")
    expect(block?.shape).toEqual([2, 10, 48])
    expect(worst(Array.from(block?.data ?? [], Number).slice(0, 480), timm("blocks.1"))).toBeLessThan(5e-5)
  })

  test("says in short what they are like, and --list-taps what there are", async () => {
    const { stdout } = await vitrine(["inspect", golden, first, "--tap", "blocks.0.attn.weights"])
    expect(stdout).toMatch(/^.*wide-rgb\.png\ntap +shape +min .*\nblocks\.0\.attn\.weights +\[1, 3, 10, 10\] +\d/)
    const { taps } = JSON.parse((await vitrine(["inspect", golden, "--list-taps", "--json"])).stdout)
    expect(taps).toContainEqual({ name: "blocks.1", shape: [1, 10, 48] })
    expect((await vitrine(["inspect", golden, "--list-taps"])).stdout).toMatch(/\nblocks\.1 +\[1, 10, 48\]\n/)
  })
})

describe("inspect draws", () => {
  test("the figures of a model and its images", async () => {
    const out = join(folder, "all")
    const { code, stdout, stderr } = await vitrine(["inspect", golden, ...images, "-o", out])
    expect([code, stderr]).toEqual([0, ""])
    const names = "attention-1 attention-2 distance features filters neighbors positions rollout".split(" ")
    expect(readdirSync(out).sort()).toEqual(names.map((name) => `${name}.png`))
    expect(stdout.trimEnd().split("\n")).toHaveLength(8)
    expect(stdout).toContain(join(out, "rollout.png"))
    for (const name of names)
      expect(
        readFileSync(join(out, `${name}.png`))
          .subarray(1, 4)
          .toString(),
      ).toBe("PNG")
  })

  test("one head of one block as it is asked, at another size, as SVG and as data", async () => {
    const out = join(folder, "one")
    const flags = "--figure attention --block 1 --head 2 --query 1,3 --image-size 48x64 --theme dark".split(" ")
    const args = ["inspect", golden, first, ...flags, "-o", out]
    const { code, stdout } = await vitrine([...args, "--format", "svg", "--json"])
    expect(code).toBe(0)
    const [figure] = JSON.parse(stdout).figures
    expect(figure).toEqual({
      figure: "attention",
      file: join(out, "attention.svg"),
      shows: "where patch 1,3 looks in wide-rgb.png, in block 1, head 2",
    })
    const svg = readFileSync(figure.file, "utf8")
    expect(svg).toContain("block 1, head 2")
    expect(svg).toContain('fill="#0f1218"')
    await vitrine([...args, "--format", "json"])
    const { grid, query, maps } = JSON.parse(readFileSync(join(out, "attention.json"), "utf8"))
    expect([grid, query]).toEqual([
      { rows: 3, columns: 4 },
      { row: 1, column: 3 },
    ])
    const { values, prefix } = maps[0].map
    expect(values).toHaveLength(12)
    expect([...values, ...prefix].reduce((a: number, b: number) => a + b, 0)).toBeCloseTo(1, 5)
  })

  test("a run by itself: its curve and its confusion beside filters and positions", async () => {
    const run = join(folder, "run")
    const data = tinyData(join(folder, "data"))
    const trained = await vitrine(["train", "--data", data, "--out", run, "--steps", "12", ...tinyModel, "--json"])
    expect(trained.code).toBe(0)
    expect(readFileSync(join(run, "metrics.jsonl"), "utf8")).not.toBe("")
    const out = join(folder, "of-run")
    const { code, stderr } = await vitrine(["inspect", run, "-o", out, "--format", "svg"])
    expect([code, stderr]).toEqual([0, ""])
    expect(readdirSync(out).sort()).toEqual(["confusion.svg", "curve.svg", "filters.svg", "positions.svg"])
    expect(readFileSync(join(out, "confusion.svg"), "utf8")).toContain("of 30 images")
  })

  test("what a model without a run has, and says what is left out", async () => {
    const out = join(folder, "alone")
    const { code, stderr } = await vitrine(["inspect", golden, "-o", out, "--format", "json"])
    expect(code).toBe(0)
    expect(readdirSync(out).sort()).toEqual(["filters.json", "positions.json"])
    expect(stderr).toMatch(
      /curve: left out, .*is no run folder: it has no steps in metrics\.jsonl\n.*confusion: left out, /,
    )
  })

  test("all images but those that cannot be read", async () => {
    const broken = join(folder, "broken.png")
    writeFileSync(broken, "no image")
    const out = join(folder, "some")
    const { code, stderr } = await vitrine(["inspect", golden, broken, first, "--figure", "rollout", "-o", out])
    expect(code).toBe(1)
    expect(stderr).toContain("broken.png")
    expect(existsSync(join(out, "rollout.png"))).toBe(true)
  })
})

test("the README and the help name every figure", async () => {
  const readme = readFileSync(fileURLToPath(new URL("../README.md", import.meta.url)), "utf8")
  const { stdout } = await vitrine(["inspect", "--help"])
  for (const { name, shows } of figureTable) {
    expect(readme).toContain(`\`${name}\``)
    expect(stdout).toMatch(new RegExp(`^  ${name} +${shows}`, "m"))
  }
})

describe("inspect refuses in one line", () => {
  test.each<[string, string[], RegExp, number]>([
    ["a tap that is not", [first, "--tap", "blocks.9"], /no intermediate value named "blocks\.9"/, 1],
    ["a tap without an image", ["--tap", "blocks.0"], /--tap needs an image/, 2],
    ["taps in another file", [first, "--tap", "blocks.0", "-o", "x.npy"], /must end in \.safetensors/, 2],
    ["a figure that is not", [first, "--figure", "magic"], /Give some of all, filters,/, 2],
    ["a figure that needs images", ["--figure", "rollout"], /the figure rollout needs images/, 1],
    ["a block that is not", [first, "--block", "2"], /no block 2: there are 2, from 0/, 1],
    ["a head that is not", [first, "--head", "3"], /no head 3: there are 3, from 0/, 1],
    ["a patch that is not", [first, "--figure", "rollout", "--query", "3,0"], /no patch 3,0: there are 3 rows/, 1],
    ["a query that is none", [first, "--query", "left"], /Give class, mean, or row and column/, 2],
    ["the curve of no run", ["--figure", "curve"], /is no run folder/, 1],
    ["the confusion of no data", ["--figure", "confusion"], /does not say what it was trained on/, 1],
  ])("%s", async (_, args, fault, code) => {
    expectFault(await vitrine(["inspect", golden, ...args]), fault, code)
  })
})
