import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Overrides } from "@vitrine/checkpoint"
import { golden, goldenPath, readTensors } from "@vitrine/golden"
import { InferenceSession, Tensor } from "onnxruntime-node"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { applyTransforms } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/node"
import { evaluate, evaluationTransforms, exportModel, load, probe, type Recipe, train } from "../src/node.ts"
import { float32Error } from "./losses.ts"
import { classes, collect, type Event, writePictures } from "./pictures.ts"

const { json } = golden("bit-folder/expected")
const photos = (json.files as string[]).map((file) => goldenPath(json.images + file))
const published = goldenPath("bit-folder")
const huggingFace = goldenPath("bit-huggingface")

let place: string
let data: string
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "vitrine-bit-"))
  data = join(place, "pictures")
  await writePictures(data)
})
afterAll(() => rm(place, { recursive: true }))

async function logitsOf(path: string, backend = "onnx", overrides: Overrides = {}): Promise<number[]> {
  const model = await load(path, { backend, worker: false, ...overrides })
  try {
    return (await model.logits(photos)).flatMap((row) => [...row])
  } finally {
    await model.close()
  }
}

const expected = (folder: string, file = "expected"): number[] =>
  Array.from(golden(`${folder}/${file}`).tensors.logits?.data ?? [])

describe("a ResNet's folder", () => {
  test.each(["onnx", "reference"])("gives timm's logits for photos of any size, on %s", async (backend) => {
    expect(float32Error(await logitsOf(published, backend), expected("bit-folder"))).toBeLessThan(1)
  })

  test.each(["onnx", "reference"])("of Google's gives its logits, told the groups, on %s", async (backend) => {
    const hints = { groups: 8, imageSize: [37, 30] } as const
    const actual = await logitsOf(goldenPath("bit-odd.npz"), backend, hints)
    expect(float32Error(actual, expected("bit-folder", "google"))).toBeLessThan(1)
  })

  test("gives transformers' logits", async () => {
    expect(float32Error(await logitsOf(huggingFace), expected("bit-huggingface"))).toBeLessThan(1)
  })

  test("has its own taps, features and image size", async () => {
    const model = await load(published, { backend: "onnx", worker: false })
    const names = model.taps().map(({ name }) => name)
    expect(names.slice(0, 3)).toEqual(["stem.conv", "stem", "stages.0.blocks.0"])
    expect(names.slice(-3)).toEqual(["norm", "pooled", "logits"])
    const photo = photos[0] as string
    const { norm } = await model.inspect(photo, ["norm"])
    expect(norm?.shape).toEqual([1, 6, 5, 64])
    expect(await model.embed(photo)).toHaveLength(64)
    await model.close()
    const larger = await load(published, { backend: "onnx", worker: false, imageSize: [64, 50] })
    expect((await larger.inspect(photo, ["norm"])).norm?.shape).toEqual([1, 8, 7, 64])
    await larger.close()
  })
})

describe("a ResNet that is exported", () => {
  test("to timm is the folder that timm wrote", async () => {
    const out = join(place, "timm")
    await exportModel(published, { to: "timm", out })
    const own = JSON.parse(await readFile(join(out, "config.json"), "utf8"))
    const timms = JSON.parse(await readFile(join(published, "config.json"), "utf8"))
    const { num_classes: _, global_pool: __, ...args } = timms.model_args
    expect(own.model_args).toEqual(args)
    const { architecture, num_classes, num_features, global_pool } = timms
    expect(own).toMatchObject({ architecture, num_classes, num_features, global_pool })
    for (const field of [
      "input_size",
      "crop_pct",
      "crop_mode",
      "interpolation",
      "mean",
      "std",
      "first_conv",
      "classifier",
    ])
      expect(own.pretrained_cfg[field], field).toEqual(timms.pretrained_cfg[field])
    const [actual, given] = [out, published].map((folder) => readTensors(join(folder, "model.safetensors")))
    expect(Object.keys(actual ?? {}).toSorted()).toEqual(Object.keys(given ?? {}).toSorted())
    for (const [name, { shape, data }] of Object.entries(given ?? {})) {
      expect(actual?.[name]?.shape, name).toEqual(shape)
      expect(actual?.[name]?.data, name).toEqual(data)
    }
  })

  test("to hf keeps names, groups and logits", async () => {
    const out = join(place, "hf")
    await exportModel(huggingFace, { to: "hf", out })
    const [own, theirs] = await Promise.all(
      [out, huggingFace].map(async (each) => JSON.parse(await readFile(join(each, "config.json"), "utf8"))),
    )
    for (const field of Object.keys(own).filter((field) => field in theirs))
      expect(own[field], field).toEqual(theirs[field])
    expect(await logitsOf(out)).toEqual(await logitsOf(huggingFace))
  })

  test("to onnx gives its logits in float32, nearly in float16, and has no int8", async () => {
    const out = join(place, "onnx")
    await exportModel(huggingFace, { to: "onnx", precision: ["float32", "float16"], out })
    const model = await load(huggingFace, { backend: "onnx", worker: false })
    const { config, preprocessing } = model
    await model.close()
    const transforms = evaluationTransforms(preprocessing, config)
    const [height, width] = config.imageSize
    const rows = await Promise.all(
      photos.map(async (file) => applyTransforms(await decodeImage(file), transforms).data),
    )
    const pixels = Float32Array.from({ length: rows.length * 3 * height * width }, (_, i) => {
      const [image, at] = [Math.floor(i / (3 * height * width)), i % (3 * height * width)]
      return rows[image]?.[(at % (height * width)) * 3 + Math.floor(at / (height * width))] as number
    })
    const errors: Record<string, number> = {}
    for (const file of ["model", "model_fp16"]) {
      const session = await InferenceSession.create(join(out, "onnx", `${file}.onnx`))
      const feeds = { pixel_values: new Tensor("float32", pixels, [rows.length, 3, height, width]) }
      const { logits } = await session.run(feeds)
      const actual = Array.from(logits?.data as Float32Array)
      const most = Math.max(...expected("bit-huggingface").map(Math.abs))
      errors[file] = Math.max(...actual.map((x, i) => Math.abs(x - (expected("bit-huggingface")[i] as number)))) / most
    }
    expect(errors.model).toBeLessThan(1e-5)
    expect(errors.model_fp16).toBeLessThan(1e-2)
    const quantized = exportModel(huggingFace, { to: "onnx", precision: ["int8"], out: join(place, "int8") })
    await expect(quantized).rejects.toThrow("int8 is for the linear layers of Vision Transformers")
  })

  test("to timm is refused where timm cannot be told", async () => {
    const refused = exportModel(huggingFace, { to: "timm", out: join(place, "no") })
    await expect(refused).rejects.toThrow(
      "timm does not have this model, with stages of 2, 1, 1 blocks and group norms of 4 groups: export it to onnx",
    )
  })
})

const recipe: Recipe = {
  model: { widths: [32], depths: [3], stemWidth: 16, groups: 1, imageSize: [19, 24] },
  steps: 3,
  batchSize: 8,
  learningRate: 0.01,
  optimizer: { name: "sgd", momentum: 0.9 },
  evaluateEvery: 2,
}
const options = { seed: 4, workers: 0, backend: "onnx" }
const stepsOf = (events: readonly Event[]): (readonly [number, number])[] =>
  events.flatMap((event) => (event.type === "step" ? [[event.step, event.loss] as const] : []))

test("a ResNet trains, resumes with the same bits, and starts another run", async () => {
  const whole = join(place, "whole")
  const steps = stepsOf(await collect(train({ ...options, data, recipe, out: whole })))
  expect(steps).toHaveLength(3)
  const early = join(place, "early")
  for await (const event of train({ ...options, data, recipe, out: early, checkpointEvery: 2 }))
    if (event.type === "step" && event.step === 3) break
  expect(stepsOf(await collect(train({ resume: early, workers: 0, backend: "onnx" })))).toEqual(steps.slice(2))
  expect(await readFile(join(early, "model.safetensors"))).toEqual(await readFile(join(whole, "model.safetensors")))

  const config = JSON.parse(await readFile(join(whole, "config.json"), "utf8"))
  expect(config).toMatchObject({ architecture: "resnetv2_50x1_bit", num_classes: 3, num_features: 32 })
  expect(config.model_args).toEqual({ in_chans: 3, channels: [32], stem_chs: 16, norm_layer: "groupnorm1" })
  const { labels, examples } = await evaluate(whole, { backend: "onnx", worker: false })
  expect([labels, examples]).toEqual([classes, 6])

  const [setup, ...rest] = await collect(
    train({
      ...options,
      data: "shapes",
      from: whole,
      recipe: { steps: 2, batchSize: 8, layerDecay: 0.5, freeze: ["stem"] },
    }),
  )
  expect(setup).toMatchObject({
    from: { newHead: true },
    recipe: { config: { widths: [32], classes: 10, imageSize: [19, 24] } },
  })
  expect(stepsOf(rest)).toHaveLength(2)
  const { width, results } = await probe(whole, {
    data,
    methods: ["nearest"],
    backend: "onnx",
    worker: false,
    workers: 0,
  })
  expect([width, results.length]).toEqual([32, 1])
})

test.each<[string, Recipe, string]>([
  [
    "fields of the other family",
    { model: { variant: "R50x1", dim: 8 } },
    "recipe: model.dim is not a field of a ResNet",
  ],
  [
    "and the other way",
    { model: { variant: "Ti/16", stemWidth: 8 } },
    "recipe: model.stemWidth is not a field of a Vision Transformer",
  ],
  [
    "groups that do not divide",
    { model: { widths: [32], depths: [1], stemWidth: 16 } },
    "groups must divide stemWidth",
  ],
  ["masked patches", { model: { widths: [128], depths: [1] }, task: "masked-patch" }, "masked-patch is for Vision Tr"],
  ["a scheme", { model: { widths: [128], depths: [1] }, init: "fan" }, "init must be one of timm"],
])("a recipe of %s is refused", async (_, given, message) => {
  await expect(collect(train({ ...options, data, recipe: { steps: 1, batchSize: 4, ...given } }))).rejects.toThrow(
    message,
  )
})

describe("a config.json", () => {
  const model = (change: (json: Record<string, unknown>) => unknown) => async (): Promise<string> => {
    const folder = await mkdtemp(join(place, "hostile-"))
    const json = JSON.parse(await readFile(join(published, "config.json"), "utf8"))
    await cp(join(published, "model.safetensors"), join(folder, "model.safetensors"))
    await writeFile(join(folder, "config.json"), JSON.stringify(change(json)))
    return folder
  }
  const args = (given: object): (() => Promise<string>) =>
    model(({ model_args, ...json }) => ({ ...json, model_args: { ...(model_args as object), ...given } }))
  test.each<[string, () => Promise<string>, string]>([
    ["layers", args({ layers: [1, 1] }), "model_args.layers is not known to timm's ResNets of BiT's"],
    [
      "another pool",
      args({ global_pool: "max" }),
      'model_args.global_pool is "max": of ResNets Vitrine has BiT\'s alone',
    ],
    ["no widths", args({ channels: [] }), "model_args.channels must be a list of widths, got []"],
    ["huge widths", args({ channels: [2 ** 40] }), "widths must be an integer from 1 to 131072"],
    ["words", args({ channels: ["wide"] }), 'model_args.channels[0] must be a number, got "wide"'],
    ["a norm", args({ norm_layer: "batchnorm2d" }), "model_args.norm_layer must be one of groupnorm"],
    ["other widths", args({ channels: [32, 96] }), "does not hold the model's tensors; wrong shape"],
    ["a ResNet of another kind", model((json) => ({ ...json, architecture: "resnetv2_50" })), "nor a ResNet of BiT's"],
    [
      "a model of its own that is another",
      model((json) => ({ ...json, vitrine: { model: { widths: [32, 128] } } })),
      "vitrine.model.widths is [32,128], but timm's fields say [32,64]",
    ],
  ])("with %s is refused in one line", async (_, folder, message) => {
    const error: Error = await load(await folder(), { backend: "reference" }).then(
      () => new Error("loaded"),
      (thrown: Error) => thrown,
    )
    expect(error.message).toContain(message)
    expect(error.message).not.toContain("\n")
  })

  test.each<[string, object, string]>([
    ["dynamic padding", { global_padding: "SAME" }, 'global_padding is "SAME"'],
    ["another layer", { layer_type: "bottleneck" }, "layer_type must be one of preactivation"],
    ["dilation", { output_stride: 8 }, "output_stride is 8: Vitrine has no dilated convolutions"],
  ])("of transformers with %s is refused in one line", async (_, change, message) => {
    const folder = await mkdtemp(join(place, "hostile-"))
    await cp(huggingFace, folder, { recursive: true })
    const json = JSON.parse(await readFile(join(folder, "config.json"), "utf8"))
    await writeFile(join(folder, "config.json"), JSON.stringify({ ...json, ...change }))
    await expect(load(folder, { backend: "reference" })).rejects.toThrow(message)
  })

  test("is not needed beside weights in timm's names", async () => {
    const folder = join(place, "bare")
    await mkdir(folder)
    await cp(join(published, "model.safetensors"), join(folder, "model.safetensors"))
    const path = join(folder, "model.safetensors")
    const refused = (model: string, overrides: Overrides, message: string): Promise<void> =>
      expect(load(model, { backend: "reference", ...overrides })).rejects.toThrow(message)
    await refused(
      path,
      {},
      "do not tell the groups of the group norms, which are not 32 as usual with 16 channels: say",
    )
    await refused(path, { groups: 3 }, "groups must divide stemWidth, but 3 do not divide 16")
    await refused(path, { groups: 1, heads: 3 }, "a ResNet has no heads to be told")
    await refused(published, { heads: 3 }, "a ResNet has no heads to be told")
    await refused(published, { groups: 2 }, "the model has groups 1, not 2")
    await refused(goldenPath("vit-folder-tiny"), { groups: 2 }, "without a ResNet before it has no groups to be told")
    const own = await load(published, { backend: "reference" })
    const { size: imageSize, ...preprocessing } = own.preprocessing
    await own.close()
    const bare = { groups: 1, imageSize, ...preprocessing }
    expect(float32Error(await logitsOf(path, "onnx", bare), expected("bit-folder"))).toBeLessThan(1)
  })
})
