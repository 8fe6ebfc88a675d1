import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { findAddon } from "@vitrine/backend-node-gpu"
import { readSafetensors } from "@vitrine/checkpoint"
import { readMetrics } from "@vitrine/checkpoint/node"
import { beforeAll, describe, expect, test } from "vitest"
import { overrideTraining } from "../dist/recipes/overrides.js"
import {
  emulated,
  expectFault,
  golden,
  missingShader,
  temporaryFolder,
  tinyData,
  tinyModel,
  vitrine,
  vitrineProcess,
} from "./vitrine.ts"

const folder = temporaryFolder()
const data = tinyData(join(folder, "tiny"))
const at = (name: string): string => join(folder, name)
const model = (run: string): Buffer => readFileSync(join(run, "model.safetensors"))

async function losses(run: string): Promise<number[]> {
  const events = await readMetrics(join(run, "metrics.jsonl"))
  return events.filter(({ type }) => type === "step").map(({ loss }) => loss as number)
}

describe("train", () => {
  const run = at("onnx")
  const args = ["--data", data, "--steps", "40", "--eval-every", "20", ...tinyModel]
  let stdout = ""
  let stderr = ""

  beforeAll(async () => {
    const result = await vitrine(["train", ...args, "--out", run])
    ;({ stdout, stderr } = result)
    expect(`${result.code} ${stderr}`).toMatch(/^0 /)
  })

  test("shows what it trains, how it goes and what came out", () => {
    expect(stderr).toMatch(/depth 1, width 16, heads 2 · 8×8×1 in patches of 4×4: 5 tokens · [\d,]+ parameters/)
    expect(stderr).toMatch(/96 images to train on, 30 to validate, 3 classes/)
    expect(stderr).toMatch(/backend\s+onnx · onnxruntime-node/)
    expect(stderr).toMatch(/step 20\/40 · epoch 1\.7 · loss \d\.\d+ · lr .* images\/s · \d:\d\d left/)
    expect(stderr).toMatch(/step 40 {2}\d+\.\d\d % right/)
    expect(stderr).toContain(
      "30 validation images tell accuracy to ±18 points, too few to tell which model is the best",
    )
    expect(stderr).toContain("shown as the mean of the last 50 steps")
    expect(stderr).not.toContain("\x1b")
    expect(stdout).toMatch(/Training loss[^]*Validation accuracy[^]*Accuracy on the validation images: .*at step/)
    expect(stdout).toContain(`vitrine eval --model ${run}`)
    expect(stdout).toMatch(/model\.safetensors +the best model, of step [24]0, as timm loads it/)
  })

  test("begins or goes on with the run of a folder by one command, and says how a batch is cut", async () => {
    const cut = [...args, "--batch-size", "16", "--micro-batches", "4", "--resume", "auto"]
    const same = (steps: string): ReturnType<typeof vitrine> =>
      vitrine(["train", ...cut, "--steps", steps, "--out", at("auto")])
    const first = await same("4")
    expect(`${first.code} ${first.stderr}`).toMatch(/^0 [^]*4 steps of 16 images in 4 × 4 · adamw/)
    const second = await same("6")
    expect(`${second.code} ${second.stderr}`).toMatch(
      /^0 vitrine: .*auto goes on by its own recipe; for a new run alone: .*--micro-batches[^]*Resuming at step 4/,
    )
    expect(await losses(at("auto"))).toHaveLength(6)
    const nowhere = await vitrine(["train", ...cut])
    expect(`${nowhere.code} ${nowhere.stderr}`).toContain("name the folder (--out FOLDER)")
  })

  test("any checkpoint of it is a model, by its path or its step", async () => {
    const predict = async (...model: string[]): Promise<unknown> => {
      const { code, stdout, stderr } = await vitrine(["predict", join(golden, "grey.png"), "--json", ...model])
      expect(`${code} ${stderr}`).toMatch(/^0 /)
      return JSON.parse(stdout).results
    }
    const last = await predict("--model", join(run, "checkpoints/step-00000040"))
    expect(await predict("--model", run, "--checkpoint", "last")).toEqual(last)
    expect(await predict("--model", run, "--checkpoint", "20")).not.toEqual(last)
    const { code, stderr } = await vitrine(["predict", "x.png", "--model", run, "--checkpoint", "30"])
    expect(code).toBe(1)
    expect(stderr).toContain(`${run}: has no checkpoint of step 30: it has those of 20, 40`)
  })

  test("learns", async () => {
    const all = await losses(run)
    expect(all).toHaveLength(40)
    expect(all.at(-1)).toBeLessThan(0.5 * (all[0] as number))
  })

  test("draws the curve", () => {
    const svg = readFileSync(join(run, "curve.svg"), "utf8")
    expect(svg).toMatch(/^<svg [^]*<\/svg>\n$/)
    expect(svg).toContain("Best validation accuracy")
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  })

  test("same seed, same bytes, however many workers; another seed, others", async () => {
    expect((await vitrine(["train", ...args, "--out", at("again"), "--workers", "2"])).code).toBe(0)
    expect(model(at("again")).equals(model(run))).toBe(true)
    expect((await vitrine(["train", ...args, "--out", at("other"), "--seed", "1"])).code).toBe(0)
    expect(model(at("other")).equals(model(run))).toBe(false)
  })

  test("goes on from it at another size, where it is as good as it was measured to be", async () => {
    const size = ["--image-size", "12x16"]
    const still = ["--lr", "0", "--steps", "1", "--batch-size", "16", "--seed", "0"]
    const result = await vitrine(["train", "--data", data, "--from", run, ...size, ...still, "--out", at("larger")])
    expect(`${result.code} ${result.stderr}`).toMatch(/^0 /)
    expect(result.stderr).toContain("12×16×1 in patches of 4×4: 13 tokens")
    expect(result.stderr).toContain(`from     ${run}\n`)
    const measured = async (...args: string[]): Promise<unknown> => {
      const { loss, confusion } = JSON.parse((await vitrine(["eval", "--json", ...args])).stdout)
      expect(loss).toBeGreaterThan(0)
      return { loss, confusion }
    }
    expect(await measured("--model", at("larger"))).toEqual(await measured("--model", run, ...size))
    expect(await measured("--model", at("larger"))).not.toEqual(await measured("--model", run))
  })

  test("refuses a folder that holds a run", async () => {
    expectFault(await vitrine(["train", ...args, "--out", run]), /onnx: holds a run already: resume it/)
  })

  test.each(["reference", "tfjs", "tfjs-cpu", "onnx-web"])("%s follows the same losses", async (backend) => {
    const out = at(backend)
    const { code, stderr } = await vitrine(["train", ...args, "--steps", "6", "--out", out, "--backend", backend])
    expect(`${code} ${stderr}`).toMatch(/^0 /)
    // Six steps have another schedule than forty: compare with the same on onnx.
    const same = at("onnx-six")
    if (!existsSync(same)) expect((await vitrine(["train", ...args, "--steps", "6", "--out", same])).code).toBe(0)
    const [ours, theirs] = [await losses(same), await losses(out)]
    expect(ours).toHaveLength(6)
    for (const [i, loss] of ours.entries()) expect(Math.abs((theirs[i] as number) - loss)).toBeLessThan(1e-4)
  })

  const missing = (backend: string): string | undefined => {
    if (backend === "webgpu") return missingShader()
    const addon = backend === "node-cpu" ? findAddon("node-cpu") : undefined
    return typeof addon === "string" ? addon : undefined
  }
  /** A run of 8 steps with a checkpoint in the middle. */
  const whole = async (backend: string): Promise<string> => {
    const out = at(`whole-${backend}`)
    const own = ["--steps", "8", "--checkpoint-every", "4", "--out", out, "--backend", backend]
    if (!existsSync(out)) expect((await vitrine(["train", ...args, ...own])).code).toBe(0)
    return out
  }

  test.for([
    ["onnx", "reference"],
    ["onnx", "tfjs"],
    ["onnx", "webgpu"],
    ["webgpu", "node-cpu"],
    ["node-cpu", "onnx"],
  ] as const)("a checkpoint begun on %s goes on with %s", async ([first, second], { skip }) => {
    const reason = missing(first) ?? missing(second)
    if (reason !== undefined) skip(reason)
    const continued = at(`${first}-${second}`)
    cpSync(await whole(first), continued, { recursive: true })
    rmSync(join(continued, "checkpoints", "step-00000008"), { recursive: true })
    const result = await vitrine(["train", "--resume", continued, "--backend", second])
    expect(`${result.code} ${result.stderr}`).toMatch(/^0 [^]*Resuming at step 4/)
    const [begun, wanted, got] = [
      await losses(await whole(first)),
      await losses(await whole("onnx")),
      await losses(continued),
    ]
    expect(got).toHaveLength(8)
    expect(got.slice(0, 4)).toEqual(begun.slice(0, 4))
    for (const [i, loss] of wanted.entries()) expect(Math.abs((got[i] as number) - loss)).toBeLessThan(1e-4)
  })

  test("goes on with a new device where one is lost", { timeout: 180_000 }, async ({ skip }) => {
    const reason = missing("webgpu")
    if (reason !== undefined) skip(reason)
    const out = at("lost")
    const losing = `
import { globals } from ${JSON.stringify(import.meta.resolve("webgpu"))}
const { requestDevice } = globals.GPUAdapter.prototype
const { submit } = globals.GPUQueue.prototype
let device, submits = 0
globals.GPUAdapter.prototype.requestDevice = async function (...args) { return (device = await requestDevice.apply(this, args)) }
globals.GPUQueue.prototype.submit = function (...args) {
  submits++
  if (submits === 100) device.destroy()
  return submit.apply(this, args)
}`
    const own = ["--steps", "8", "--checkpoint-every", "2", "--out", out, "--backend", "webgpu"]
    const { code, stderr } = await vitrineProcess(["train", ...args, ...own], {
      env: { ...emulated, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(losing)}` },
    })
    expect(`${code} ${stderr}`).toMatch(/^0 /)
    expect(stderr.match(/the device was lost/g)).toHaveLength(1)
    expect(stderr).toMatch(/Resuming at step (2|4|6)/)
    const [wanted, got] = [await losses(await whole("webgpu")), await losses(out)]
    expect(got).toEqual(wanted)
  })

  test("streams events as JSON", async () => {
    const out = at("json")
    const { code, stdout, stderr } = await vitrine(["train", ...args, "--steps", "4", "--out", out, "--json"])
    expect(stderr).toBe("")
    expect(code).toBe(0)
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
    const types = events.map(({ type }) => type)
    expect(types).toEqual(["setup", "start", "step", "step", "step", "step", "evaluation", "checkpoint", "end"])
    expect(events[0]).toMatchObject({ data, examples: 96, validation: 30, classes: ["0", "1", "2"], resumed: null })
    expect(events.at(-1)).toMatchObject({ step: 4, finished: true })
  })

  test("saves and ends when the reader of its events leaves", async () => {
    const out = at("left")
    // Without an evaluation, the only checkpoint is the one of the end.
    const long = ["--data", data, "--steps", "5000", "--eval-every", "5000", ...tinyModel]
    const { code } = await vitrineProcess(["train", ...long, "--out", out, "--json"], {
      watch: (child, stdout) => void (stdout.includes('"type":"step"') && child.stdout?.destroy()),
    })
    expect(code).toBe(130)
    expect(readdirSync(join(out, "checkpoints"))).toHaveLength(1)
  })

  test("names runs by their data", async () => {
    for (const n of [1, 2]) {
      const { code } = await vitrine(["train", ...args, "--steps", "1"], { cwd: folder })
      expect(code).toBe(0)
      expect(existsSync(at(`runs/tiny-${n}/model.safetensors`))).toBe(true)
    }
  })

  test("is evaluated as training evaluated it, on its own data", async () => {
    const { code, stdout } = await vitrine(["eval", "--model", run, "--json"], { cwd: "/" })
    expect(code).toBe(0)
    const result = JSON.parse(stdout)
    const events = await readMetrics(join(run, "metrics.jsonl"))
    const best = Math.max(...events.filter(({ type }) => type === "evaluation").map(({ top1 }) => top1 as number))
    expect(result).toMatchObject({ data, split: "val", examples: 30, top1: best, top5: 1, labels: ["0", "1", "2"] })
    const right = result.confusion.reduce((n: number, row: number[], i: number) => n + (row[i] as number), 0)
    expect(right / 30).toBeCloseTo(best, 12)
    for (const [i, { examples, accuracy }] of result.classes.entries()) {
      expect(examples).toBe(10)
      expect(accuracy).toBe(result.confusion[i][i] / 10)
    }
    const train = JSON.parse((await vitrine(["eval", "--model", run, "--json", "--split", "train"])).stdout)
    expect(train.examples).toBe(96)
    const text = (await vitrine(["eval", "--model", run])).stdout
    expect(text).toMatch(/% right, .* % mean per class; loss .* on 30 validation images/)
    expect(text).toMatch(/true class {4}1 {3}2 {3}3/)
  })

  test("is not evaluated on data of other classes", async () => {
    expectFault(
      await vitrine(["eval", "--model", run, "--data", "shapes"]),
      /shapes: has .* classes, the model 3, .*"arrow"/,
    )
  })
})

describe("recipes", () => {
  const args = ["--data", data, ..."--steps 1 --patch-size 4 --threads 1 --workers 0 --json".split(" ")]
  const setup = async (...more: string[]) => {
    const { code, stdout, stderr } = await vitrine(["train", ...args, ...more])
    expect(`${code} ${stderr}`).toBe("0 ")
    return JSON.parse(stdout.split("\n")[0] as string).recipe
  }

  test("are TypeScript modules that import vitrine from anywhere, overridden by flags", async () => {
    mkdirSync(at("elsewhere"))
    const file = at("elsewhere/mine.ts")
    writeFileSync(
      file,
      `import { defineRecipe, flip, type Recipe } from "vitrine"
       const width: number = 32
       const recipe: Recipe = { model: { dim: width, depth: 2, heads: 2 }, epochs: 3, batchSize: 16, augment: [flip()], learningRate: 0.01 }
       export default defineRecipe(recipe)`,
    )
    const recipe = await setup("--recipe", file, "--depth", "1", "--lr", "0.5", "--out", at("recipe-ts"))
    expect(recipe).toMatchObject({ batchSize: 16, augment: [{ op: "flip", p: 0.5 }] })
    expect(recipe.config).toMatchObject({ dim: 32, depth: 1, heads: 2 })
    expect(recipe.training).toMatchObject({ steps: 1, learningRate: 0.5 })
  })

  test("are JSON", async () => {
    writeFileSync(at("recipe.json"), JSON.stringify({ labelSmoothing: 0.2, batchSize: 4, optimizer: { name: "sgd" } }))
    const recipe = await setup("--recipe", at("recipe.json"), "--out", at("recipe-json"), "--optimizer", "nesterov")
    expect(recipe).toMatchObject({ labelSmoothing: 0.2, batchSize: 4 })
    expect(recipe.training.optimizer).toEqual({ name: "sgd", momentum: 0.9, nesterov: true })
  })

  const momentum = { name: "sgd", momentum: 0.8 } as const
  const nesterov = { ...momentum, nesterov: true } as const
  test.each([
    [nesterov, "sgd", { name: "sgd" }],
    [nesterov, "momentum", { name: "sgd", momentum: 0.9 }],
    [nesterov, "nesterov", nesterov],
    [momentum, "nesterov", { name: "sgd", momentum: 0.9, nesterov: true }],
    [momentum, "momentum", momentum],
    [nesterov, "adam", { name: "adam" }],
  ] as const)("of %j with --optimizer %s trains by that", (optimizer, flag, expected) => {
    expect(overrideTraining({ optimizer }, { optimizer: flag }).optimizer).toEqual(expected)
  })

  test.each(["shapes", "fashion-mnist-quick", "fashion-mnist-mid", "fashion-mnist-crops", "mnist", "cifar10"])(
    "%s is built in",
    async (name) => {
      const recipe = await setup("--recipe", name, "--out", at(`recipe-${name}`), "--batch-size", "8")
      expect(recipe.training).toMatchObject({
        optimizer: { name: "adamw", betas: [0.9, 0.95] },
        clip: 1,
        weightDecay: 0.05,
      })
    },
  )

  test.each([
    ["few-shot", { dropLast: false, augment: [{ op: "padCrop", pad: 2 }] }],
    ["fine-tune", { training: { layerDecay: 0.75 } }],
    [
      "fine-tune-paper",
      { augment: [{ op: "randomResizedCrop", size: [8, 8] }, {}], training: { accumulate: 8, clip: 1 } },
    ],
    ["pretrain-paper", { config: { dropout: 0.1 }, training: { accumulate: 64, schedule: { warmup: 10_000 } } }],
    ["labml-cifar10", { config: { preLogits: { dim: 2048, activation: "relu" } }, training: { learningRate: 2.5e-4 } }],
  ])("%s is built in, for any image size", async (name, fields) => {
    const small = ["--batch-size", "8", "--image-size", "8", "--steps", "1", "--accumulate", "1"]
    const shape = ["pretrain-paper", "labml-cifar10"].includes(name)
      ? ["--dim", "16", "--depth", "1", "--heads", "2"]
      : []
    const recipe = await setup("--recipe", name, "--out", at(`recipe-${name}`), ...small, ...shape)
    const { accumulate: _, ...training } = { ...(fields as { training?: { accumulate?: number } }).training }
    expect(recipe).toMatchObject({ ...fields, training })
  })

  test.each([
    [{ optimizer: "adamw" }, ["--optimizer", "sgd"], /optimizer must be an object, got "adamw"/],
    [{ model: 5 }, ["--dim", "8"], /model must be .* an object, got 5/],
    [{ schedule: 3 }, ["--warmup", "1"], /schedule must be an object, got 3/],
    [{ mix: 5 }, ["--mixup", "1"], /mix must be an object, got 5/],
    [{ task: "detect", model: 5 }, ["--queries", "5"], /model must be an object, got 5/],
    [{ task: "read", optimizer: "adamw" }, ["--optimizer", "sgd"], /optimizer must be an object/],
  ] as const)("a fault of %j is not hidden by %j", async (recipe, flags, fault) => {
    writeFileSync(at("faulty.json"), JSON.stringify(recipe))
    const never = ["--data", data, "--recipe", at("faulty.json"), "--out", at("never")]
    expectFault(await vitrine(["train", ...never, ...flags]), fault)
  })

  test.each([
    ["that cannot be parsed", "broken.ts", "export default {", /broken\.ts: cannot be loaded/],
    [
      "with an unknown field",
      "field.json",
      '{"lerningRate":1}',
      /recipe: lerningRate is not a field of a recipe; did you mean learningRate\?/,
    ],
    ["that is no object", "list.json", "[1]", /list\.json: holds no recipe/],
    ["that is no JSON", "text.json", "lr = 1", /text\.json: its text is not JSON/],
  ])("%s is refused", async (_, name, text, fault) => {
    writeFileSync(at(name), text)
    expectFault(await vitrine(["train", "--data", data, "--recipe", at(name), "--out", at("never")]), fault)
    expect(existsSync(at("never"))).toBe(false)
  })
})

test("runs are listed with their scores and sizes, and lose the checkpoints that they do not need", async () => {
  const runs = at("many")
  const flags = [
    "--data",
    data,
    "--steps",
    "6",
    "--eval-every",
    "2",
    "--keep-last",
    "3",
    "--best",
    "last",
    ...tinyModel,
  ]
  expect((await vitrine(["train", ...flags, "--out", join(runs, "a")])).code).toBe(0)
  mkdirSync(join(runs, "other"))
  const list = async (...more: string[]): Promise<{ run: string; steps: number; published: number; bytes: number }[]> =>
    JSON.parse((await vitrine(["runs", runs, "--json", ...more])).stdout).runs
  const [before, ...rest] = await list()
  expect(rest).toEqual([])
  expect(before).toMatchObject({ run: join(runs, "a"), task: "classify", steps: 6, published: 6 })
  expect(before).toMatchObject({ score: { name: "accuracy", value: expect.any(Number) } })
  const [after] = await list("--prune")
  expect(readdirSync(join(runs, "a", "checkpoints"))).toEqual(["step-00000006"])
  expect(after?.bytes).toBeLessThan(0.6 * (before?.bytes ?? 0))
  expect((await vitrine(["runs", runs])).stdout).toMatch(
    /run +task +best +steps +published +size\n.*many\/a +classify +accuracy/,
  )
  expectFault(await vitrine(["runs", at("nowhere")]), /nowhere: cannot be read/)
})

test("the header names classes, what learns, and what a recipe has that rarely is meant", async () => {
  const tiny = ["--data", data, "--steps", "2", ...tinyModel]
  const header = async (name: string, ...flags: string[]): Promise<string> =>
    (await vitrine(["train", ...tiny, ...flags, "--out", at(name)])).stderr
  const plain = await header("plain", "--freeze", "patch_embed,blocks")
  expect(plain).toMatch(/classes +0 32, 1 32, 2 32\n/)
  expect(plain).toMatch(/learns +[\d,]+ parameters; [\d,]+ do not change: patch_embed, blocks\n/)
  expect(plain).not.toMatch(/warm-up of|average of the parameters|head is frozen/)
  expect(plain).toContain("starts at random")
  const doubtful = await header("doubtful", "--warmup", "4", "--freeze", "head", "--lr", "0.01")
  expect(doubtful).toContain("the warm-up of 4 steps is longer than the run of 2: the rate ends at 0.005, still rising")
  expect(doubtful).toContain("the head is frozen, but it is new: the model will not learn to tell the classes apart")
  writeFileSync(at("slow.json"), JSON.stringify({ ema: 0.999, emaWarmup: false }))
  expect(await header("slow", "--recipe", at("slow.json"))).toContain(
    "the average of the parameters (EMA 0.999) is 100 % the untrained model after 2 steps",
  )
  const resized = await header("resized", "--from", at("plain"), "--image-size", "12")
  expect(resized).toContain("positions resized from images of 8×8 to 12×12")
  expect(resized).not.toContain("starts at random")
  expectFault(
    await vitrine(["train", "--resume", at("plain"), "--lr", "1"]),
    /--lr cannot change a run that is resumed: it goes on by its own recipe; a new run can start from its weights \(--from .*plain\)/,
    2,
  )
})

test("--model takes timm's names, and starts at random; a trained model is --from", async () => {
  const train = ["train", "--data", data, "--steps", "1", "--threads", "1", "--workers", "0"]
  const named = ["--model", "test_vit3", "--depth", "1", "--image-size", "16", "--out", at("timm-name")]
  const { code, stderr, stdout } = await vitrine([...train, ...named])
  expect(`${code} ${stderr}`).toMatch(/^0 /)
  expect(stderr).toContain("starts at random")
  expect(stdout).toContain("as timm loads it")
  const { vitrine: record } = JSON.parse(readFileSync(at("timm-name/config.json"), "utf8"))
  expect(record.model).toMatchObject({ dim: 96, heads: 3, depth: 1, registers: 1, pool: "map", imageSize: [16, 16] })
  expect(record.model).toMatchObject({ channels: 1, classes: 3, poolPrefix: true })
  const trained = ["--model", at("timm-name"), "--out", at("not-from")]
  expectFault(await vitrine([...train, ...trained]), /is a trained model.*start from its weights with --from/, 2)
  const unknown = ["--model", "vit_tinny_patch16_224", "--out", at("not-timm")]
  expectFault(await vitrine([...train, ...unknown]), /no variant "vit_tinny_patch16_224".*or a name of timm's/)
})

test("few images get shifts, flips and CutMix unless flags say otherwise; mean, std and augmentation are flags", async () => {
  const small = ["--data", data, "--steps", "1", "--threads", "1", "--workers", "0"]
  const recipe = async (name: string, ...flags: string[]): Promise<Record<string, unknown>> => {
    const { code, stderr } = await vitrine(["train", ...small, ...flags, "--out", at(name)])
    expect(`${code} ${stderr}`).toMatch(/^0 /)
    return JSON.parse(readFileSync(join(at(name), "config.json"), "utf8")).vitrine.recipe
  }
  expect(await recipe("few")).toMatchObject({
    best: "last",
    augment: [{ op: "padCrop", pad: 1 }, { op: "flip" }],
    mix: { cutmix: 1 },
    labelSmoothing: 0.1,
  })
  const flags = ["--augment", "pad-crop=2,rand-augment", "--mean", "0.4", "--std", "0.2", "--cutmix", "0"]
  expect(await recipe("flags", ...flags, "--best", "loss")).toMatchObject({
    best: "loss",
    augment: [{ op: "padCrop", pad: 2 }, { op: "randAugment" }],
    mix: { cutmix: 0 },
    mean: [0.4],
    std: [0.2],
  })
  expect(await recipe("plain-images", "--augment", "off", ...tinyModel)).toMatchObject({
    augment: [],
    mix: null,
    best: "top1",
  })
  expectFault(await vitrine(["train", ...small, "--augment", "twist"]), /Give off, or some of flip, pad-crop/, 2)
})

test("the demo trains, evaluates, predicts and says what to do next", async () => {
  const { code, stdout, stderr } = await vitrine(["demo", "--steps", "4", "--out", "the demo", "--threads", "1"], {
    cwd: folder,
  })
  expect(`${code} ${stderr}`).toMatch(/^0 /)
  expect(stdout).toMatch(/Evaluation: .*% right[^]*true class[^]*Predictions[^]*Next:/)
  expect(stdout).toContain("predict --model 'the demo' IMAGE")
  expect(stdout).toContain("inspect 'the demo' 'the demo/images'")
  for (const file of ["model.safetensors", "curve.svg", "metrics.jsonl", "predictions.png", "images"])
    expect(existsSync(at(`the demo/${file}`))).toBe(true)
  const { default: sharp } = await import("sharp")
  expect(await sharp(at("the demo/predictions.png")).metadata()).toMatchObject({ format: "png", width: 1072 })
})

test("the demo as lines of JSON: the events, and the result", async () => {
  const { stdout, stderr } = await vitrine([
    "demo",
    "--steps",
    "1",
    "--out",
    at("demo-json"),
    "--json",
    "--threads",
    "1",
  ])
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  expect(lines.at(0)).toMatchObject({ type: "setup", data: "shapes" })
  expect(lines.at(-1)).toMatchObject({ type: "result", run: at("demo-json"), top1: expect.any(Number) })
  expect(lines.at(-1).predictions).toHaveLength(24)
  expect(stderr).toBe("")
})

test("weights are timm's, by name", () => {
  const names = [...readSafetensors(model(at("onnx")), "model.safetensors").tensors.keys()]
  expect(names).toEqual(expect.arrayContaining(["cls_token", "pos_embed", "blocks.0.attn.qkv.weight", "head.bias"]))
})
