import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import sharp from "sharp"
import { beforeAll, describe, expect, test } from "vitest"
import { linePicture, writeLines } from "./pictures.ts"
import { expectFault, golden, temporaryFolder, vitrine, vitrineProcess, withoutNumbers } from "./vitrine.ts"

const folder = temporaryFolder()
const data = join(folder, "lines")
const tiny = "--dim 16 --heads 2 --mlp-dim 16 --depth 1 --batch-size 8 --lr 0.01 --threads 1 --val-fraction 0.2".split(
  " ",
)
const run = join(folder, "run")
const row = join(folder, "row.png")

describe.sequential("reading", () => {
  beforeAll(async () => {
    await writeLines(data)
    await sharp(...linePicture("01")).toFile(row)
  })

  test("is trained by one command, and goes on after an interruption to the same bytes", {
    timeout: 300_000,
  }, async () => {
    const args = ["train", "--task", "read", "--data", data, "--steps", "30", "--eval-every", "10", ...tiny]
    const whole = await vitrine([...args, "--out", join(folder, "whole")])
    expect(whole.stderr).toContain("Transformer, 1 + 2 layers, width 16")
    expect(whole.stderr).toContain("up to 2 of 3 characters: 012")
    expect(whole.stdout).toContain("Validation lines read exactly:")
    expect(readFileSync(join(folder, "whole", "curve.svg"), "utf8")).toContain("Validation share of exact lines")
    expect(whole.code).toBe(0)

    let isInterrupted = false
    const stopped = await vitrineProcess([...args, "--out", run, "--json"], {
      watch: (child, stdout) => {
        // A second one would end the run at once.
        if (!isInterrupted && stdout.includes('"step":11,')) isInterrupted = child.kill("SIGINT")
      },
    })
    expect(stopped.code).toBe(130)
    const resumed = await vitrine(["train", "--resume", run, "--json"])
    expect(resumed.code).toBe(0)
    const weights = (path: string): Buffer => readFileSync(join(path, "model.safetensors"))
    expect(weights(run).equals(weights(join(folder, "whole")))).toBe(true)
    const { architecture, label_names, vitrine: record } = JSON.parse(readFileSync(join(run, "config.json"), "utf8"))
    expect({ architecture, label_names, task: record.task }).toEqual({
      architecture: "transformer",
      label_names: ["0", "1", "2"],
      task: "read",
    })
    expectFault(await vitrine(["train", "--resume", run, "--dim", "8", "--json"]), /--dim cannot change a run/, 2)
  })

  test("is measured: lines and characters", async () => {
    const { code, stdout } = await vitrine(["eval", "--model", run])
    expect(stdout).toMatch(/^[\d.]+ ?% of lines exact, -?[\d.]+ ?% of characters, on 6 validation lines of /)
    expect(code).toBe(0)
    const found = JSON.parse((await vitrine(["eval", "--model", run, "--beams", "3", "--json"])).stdout)
    expect(found).toMatchObject({ examples: 6, skipped: [] })
    expect(found.exact).toBeGreaterThanOrEqual(0)
    expect(found.characters).toBeLessThanOrEqual(1)
  })

  test.each(["test", "all"])("is not measured on the split %s, which no lines have", async (split) => {
    expectFault(
      await vitrine(["eval", "--model", run, "--split", split]),
      new RegExp(`--split ${split} is not for models that read, whose data has train and val; use one of these`),
      2,
    )
  })

  test("is looked into: where it looks for each character", async () => {
    const out = join(folder, "figures")
    const drawn = await vitrine(["inspect", run, row, "-o", out, "--format", "json", "--json"])
    expect(drawn.stderr).toBe("")
    expect(JSON.parse(drawn.stdout).figures).toMatchObject([{ figure: "attention", file: join(out, "attention.json") }])
    const { grid, text, maps } = JSON.parse(readFileSync(join(out, "attention.json"), "utf8"))
    expect(grid).toEqual({ rows: 1, columns: 16 })
    expect([text.length, text.length + 1]).toContain(maps.length)
    const tap = "decoder.layers.1.multihead_attn.weights"
    const { results } = JSON.parse((await vitrine(["inspect", run, row, "--tap", tap, "--json"])).stdout)
    const { shape, data } = results[0].taps[tap]
    expect(shape.slice(0, 2)).toEqual([1, 2])
    const columns = shape[3]
    for (const [at, { map }] of maps.entries())
      for (const [k, value] of map.values.entries())
        expect(value).toBeCloseTo((data[at * columns + k] + data[(shape[2] + at) * columns + k]) / 2, 5)
    const { taps } = JSON.parse((await vitrine(["inspect", run, "--list-taps", "--json"])).stdout)
    expect(taps).toContainEqual({ name: "logits", shape: [1, 3, 5] })
    expect((await vitrine(["inspect", run, "-o", out, "--format", "svg"])).stdout).toMatch(/curve\.svg/)
    for (const [args, message] of [
      [[row, "--figure", "rollout"], /the figure rollout is not of a reader, which has attention and curve/],
      [[row, "--figure", "attention", "--query", "1,2"], /--query is the number of a character here/],
      [[row, "--figure", "attention", "--query", "7"], /no character 7 in row\.png/],
      [[row, "--figure", "attention", "--block", "2"], /the reader has no block 2: there are 2, from 0/],
      [[row, "--tap", "blocks.0"], /no intermediate value named "blocks\.0"/],
    ] as const)
      expectFault(await vitrine(["inspect", run, ...args]), message)
    expectFault(await vitrine(["inspect", run, row, "--crop-pct", "1"]), /--crop-pct is for image classifiers/, 2)
    expectFault(await vitrine(["predict", "--model", run, row, "--crop-pct", "1"]), /--crop-pct is for image/, 2)
  })

  test("from damaged files is an error of one line", async () => {
    const damaged = withoutNumbers(run, join(folder, "nan"))
    for (const command of [
      ["predict", "--model", damaged, row, "--json"],
      ["predict", "--model", damaged, row, "--beams", "2"],
      ["eval", "--model", damaged, "--data", data],
    ])
      expectFault(await vitrine(command), /answers with numbers that are not finite/)
    const config = JSON.parse(readFileSync(join(run, "config.json"), "utf8"))
    const { vitrine: record } = config
    const model = record.recipe.config
    for (const [change, message] of [
      [{ label_names: ["0", "1", "1"] }, /config\.json: label_names: alphabet: "1" stands there twice/],
      [{ label_names: ["0", "1", "23"] }, /config\.json: label_names: alphabet: "23" is not one character/],
      [
        { label_names: ["0"] },
        /config\.json: vitrine\.recipe\.config has a vocabulary of 5, but there are 1 label_names/,
      ],
      [{ begin: 0 }, /config\.json: vitrine\.recipe\.config: begin and end must be two tokens, both are 0/],
      [{ vocabulary: 2 ** 40 }, /config\.json: vitrine\.recipe\.config\.vocabulary must be an integer from 2 to/],
      [{ length: 0 }, /config\.json: vitrine\.recipe\.config\.length must be an integer from 1/],
      [{ decoderDepth: 3 }, /does not hold the model's tensors; missing: "decoder\.layers\.2/],
      [{ std: [0] }, /config\.json: vitrine\.recipe\.std\[0\] must be a positive number, got 0/],
    ] as const) {
      const { label_names = config.label_names, std = record.recipe.std, ...fields } = change as Record<string, unknown>
      const recipe = { ...record.recipe, std, config: { ...model, ...fields } }
      writeFileSync(
        join(damaged, "config.json"),
        JSON.stringify({ ...config, label_names, vitrine: { ...record, recipe } }),
      )
      expectFault(await vitrine(["predict", "--model", damaged, row]), message)
    }
  })

  test("prints the text in an image", async () => {
    const plain = await vitrine(["predict", "--model", run, row])
    expect(plain.code).toBe(0)
    expect(plain.stdout).toMatch(/row\.png\n +[\d.]+ ?% {2}[012]{0,2}…?\n$/)
    const { results } = JSON.parse((await vitrine(["predict", "--model", run, row, "--beams", "2", "--json"])).stdout)
    const [{ file, text, characters, readings }] = results
    expect(file).toBe(row)
    expect(characters.map(({ character }: { character: string }) => character).join("")).toBe(text)
    expect(readings.length).toBeLessThanOrEqual(2)
    expect(readings[0].text).toBe(text)
  })

  test("is no classifier, and says what it is", async () => {
    expectFault(
      await vitrine(["embed", "--model", run, row]),
      /its model reads lines of text: use vitrine predict and eval/,
    )
  })

  test("a folder of lines may have characters and lengths that a model does not know", async () => {
    const lines = join(folder, "strange")
    mkdirSync(join(lines, "train"), { recursive: true })
    mkdirSync(join(lines, "val"))
    for (const name of ["train/a", "val/a", "val/b", "val/c"])
      writeFileSync(join(lines, `${name}.png`), readFileSync(row))
    writeFileSync(join(lines, "train/labels.tsv"), "a.png\t01\n")
    writeFileSync(join(lines, "val/labels.tsv"), "a.png\t01\nb.png\t0x\nc.png\t0120\n")
    const args = ["eval", "--model", run, "--data", lines, "--json"]
    const found = JSON.parse((await vitrine(args)).stdout)
    expect(found.examples).toBe(1)
    expect(found.skipped).toEqual([
      expect.stringMatching(/b\.png: the model does not know "x"$/),
      expect.stringMatching(/c\.png: has 4 characters, the model reads 2$/),
    ])
    writeFileSync(join(lines, "val/labels.tsv"), "b.png\t0x\n")
    expectFault(await vitrine(args), /has no line that the model could read; .*b\.png: the model does not know "x"/)
  })
})

test.each([
  [
    ["train", "--task", "read", "--data", data, "--mixup", "1"],
    /--mixup is not for --task read; see vitrine train --help/,
  ],
  [["train", "--task", "read", "--data", data, "--activation", "silu"], /--activation must be relu or gelu/],
  [["train", "--task", "read"], /train needs --data PATH/],
  [["train", "--data", data, "--characters", "3"], /--characters is for --task read/],
  [["train", "--task", "read", "--data", data, "--characters", "5-2"], /the least and the most as in 1-5/],
  [
    ["predict", "--model", golden, "--beams", "2", "x.png"],
    /--beams is for models that read, and the model is an image/,
  ],
] as const)("%s is wrong usage", async (args, fault) => {
  expectFault(await vitrine(args), fault, 2)
})

test("shapes are no characters", async () => {
  expectFault(
    await vitrine(["train", "--task", "read", "--data", "shapes", "--out", join(folder, "none"), "--json"]),
    /shapes: its class "arrow" is not one character/,
  )
})
