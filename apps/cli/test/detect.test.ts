import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import sharp from "sharp"
import { beforeAll, describe, expect, test } from "vitest"
import { detectionSchedule } from "vitrine"
import { overrideTraining } from "../dist/recipes/overrides.js"
import { writeScenes } from "./pictures.ts"
import { expectFault, golden, temporaryFolder, vitrine, withoutNumbers } from "./vitrine.ts"

const place = temporaryFolder()
const data = join(place, "data")
const run = join(place, "run")
const small =
  "--image-size 32 --dim 16 --num-heads 2 --mlp-dim 16 --queries 5 --encoder-depth 1 --decoder-depth 1 --batch-size 4 --steps 2 --threads 1 --workers 0 --backend onnx"

/** A detector of two steps. */
beforeAll(async () => {
  await writeScenes(data)
  const { code, stdout, stderr } = await vitrine(
    ["train", "--task", "detect", "--data", data, ...small.split(" "), "-o", run],
    {},
  )
  expect(stderr).toContain("its box, corners")
  expect(stderr).toContain("has no area; left out")
  expect(stderr).toContain("7 images to train on, 1 to validate, 4 classes")
  expect(stdout).toMatch(/AP (none|\d\.\d{3}), AP50 .* on 1 images/)
  expect(code).toBe(0)
  expect(readFileSync(join(run, "curve.svg"), "utf8")).toMatch(/Validation AP|Without validation/)
}, 120_000)

test("eval gives COCO's figures", async () => {
  const { code, stdout } = await vitrine(["eval", "--model", run, "--split", "train", "--backend", "onnx", "--json"])
  expect(code).toBe(0)
  const result = JSON.parse(stdout)
  expect(result).toMatchObject({ model: run, backend: "onnx", split: "train", examples: 7 })
  expect(Object.keys(result)).toEqual(expect.arrayContaining(["ap", "ap50", "ap75", "apSmall", "ar100", "arLarge"]))
  expect(result.classes.map(({ label }: { label: string }) => label)).toEqual(["circle", "cross", "square", "triangle"])
  const shown = await vitrine(["eval", "--model", run, "--split", "train", "--backend", "onnx"])
  expect(shown.stdout).toContain("AP of small objects")
})

test.each([
  [{ warmup: 1 }, { ...detectionSchedule, warmup: 1 }],
  [{ schedule: "cosine" }, { ...detectionSchedule, decay: "cosine", final: 0 }],
] as const)("flags %j change that part of DETR's schedule", (flags, schedule) => {
  expect(overrideTraining({}, flags, detectionSchedule).schedule).toEqual(schedule)
})

test.each([["--warmup 1", { decay: "step", warmup: 1, final: 0.1, drop: 0.85 }]])(
  "train %s changes that part of the schedule",
  async (flags, schedule) => {
    const out = join(place, flags.slice(2).replace(" ", "-"))
    const all = `${small} --steps 1 ${flags}`.split(" ")
    const { code } = await vitrine(["train", "--task", "detect", "--data", data, ...all, "-o", out])
    expect(code).toBe(0)
    const { vitrine: record } = JSON.parse(readFileSync(join(out, "config.json"), "utf8"))
    expect(record.recipe.training.schedule).toMatchObject(schedule)
  },
)

test("detect tells and draws what it finds, and survives an image that cannot be read", async () => {
  const broken = join(place, "broken.png")
  writeFileSync(broken, "no image")
  const pictures = join(place, "pictures")
  const args = ["--threshold", "0", "--backend", "onnx", "-o", pictures, "--json"]
  const { code, stdout, stderr } = await vitrine(["detect", run, join(data, "1.png"), broken, ...args])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^vitrine: .*broken\.png: is not a JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF image\n$/)
  const { results } = JSON.parse(stdout)
  expect(results).toHaveLength(1)
  expect(results[0]).toMatchObject({ width: 32, height: 32, picture: join(pictures, "1.png") })
  expect(results[0].objects).toHaveLength(5)
  const scores = results[0].objects.map(({ score }: { score: number }) => score)
  expect(scores).toEqual(scores.toSorted((a: number, b: number) => b - a))
  expect(readdirSync(pictures)).toEqual(["1.png"])
  const { width, height } = await sharp(readFileSync(join(pictures, "1.png"))).metadata()
  expect([width, height]).toEqual([640, 640])
  const none = await vitrine(["detect", run, join(data, "1.png"), "--threshold", "1", "--backend", "onnx"])
  expect(none.stdout).toContain("nothing")
})

test("inspect shows where queries look, and gives what is computed on the way", async () => {
  const image = join(data, "1.png")
  const out = join(place, "figures")
  const inspect = (...args: string[]): ReturnType<typeof vitrine> =>
    vitrine(["inspect", run, image, "--backend", "onnx", ...args])
  const drawn = await inspect("-o", out, "--query", "3", "--head", "1", "--format", "json", "--json")
  expect(drawn.stderr).toBe("")
  expect(JSON.parse(drawn.stdout).figures).toHaveLength(1)
  const { grid, maps } = JSON.parse(readFileSync(join(out, "attention.json"), "utf8"))
  const tap = "transformer.decoder.layers.0.multihead_attn.weights"
  const { results } = JSON.parse((await inspect("--tap", tap, "--json")).stdout)
  const { shape, data: weights } = results[0].taps[tap]
  expect(shape).toEqual([1, 2, 5, grid.rows * grid.columns])
  const places = shape[3]
  expect(maps).toMatchObject([{ query: 3, map: { grid, values: weights.slice(8 * places, 9 * places) } }])
  const all = await inspect("-o", out, "--format", "svg")
  expect(all.stdout).toMatch(/attention\.svg/)
  const { taps } = JSON.parse((await vitrine(["inspect", run, "--list-taps", "--json"])).stdout)
  expect(taps).toContainEqual({ name: "logits", shape: [1, 1, 5, 5] })
  expectFault(await inspect("--figure", "filters"), /the figure filters is not of a detector, which has attention/)
  expectFault(
    await inspect("--figure", "attention", "--query", "5"),
    /the detector has no query 5: there are 5, from 0/,
  )
  expectFault(await inspect("--query", "class", "--figure", "attention"), /--query is the number of an object query/)
  expectFault(await inspect("--mean", "0"), /--mean is for image classifiers, and the model is a detector/, 2)
})

test("weights that are no numbers find nothing and say so", async () => {
  const damaged = withoutNumbers(run, join(place, "nan"))
  for (const command of [
    ["detect", damaged, join(data, "1.png"), "--json"],
    ["eval", "--model", damaged, "--data", data, "--split", "train"],
  ])
    expectFault(await vitrine([...command, "--backend", "onnx"]), /answers with numbers that are not finite/)
})

describe("what cannot be is an error of one line", () => {
  test.each([
    [["detect", golden, "a.png"], /is of no detector: its architecture is .*; vitrine predict/, 1],
    [["predict", "--model", run, "a.png"], /its model finds objects: use vitrine detect/, 1],
    [["detect", run, "a.png", "--threshold", "2"], /threshold.*from 0 to 1/, 2],
    [["train", "--task", "detect"], /needs --data PATH \(or --data scenes\)/, 2],
    [["train", "--task", "detect", "--data", "scenes", "--mixup", "0.2"], /--mixup is not for --task detect/, 2],
    [["train", "--task", "detect", "--data", "/nowhere"], /\/nowhere: no such file or folder/, 1],
    [["train", "--resume", run, "--queries", "9"], /--queries cannot change a run that is resumed/, 2],
    [["eval", "--model", run, "--split", "test"], /has no test images/, 1],
    [["eval", "--model", golden, "--split", "test"], /does not say what it was trained on: name the data/, 1],
  ] as const)("%j", async (args, fault, exit) => {
    expectFault(await vitrine(args), fault, exit)
  })
})
