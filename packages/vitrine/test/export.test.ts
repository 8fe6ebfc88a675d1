import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { env, pipeline, RawImage } from "@huggingface/transformers"
import { parameterReader } from "@vitrine/checkpoint"
import { readModelFolder, writeModelFolder } from "@vitrine/checkpoint/node"
import { graph, ops, rootScope, type ViTConfig, vit, vitConfig } from "@vitrine/core"
import { golden, goldenNames, goldenPath } from "@vitrine/golden"
import { InferenceSession, Tensor } from "onnxruntime-node"
import sharp from "sharp"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import {
  evaluationTransforms,
  createBackend,
  exportFiles,
  exportModel,
  load,
  type Model,
  type ImageInput,
  train,
  VitrineError,
} from "vitrine"
import { applyTransforms } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/node"

const folder = mkdtempSync(join(tmpdir(), "vitrine-export-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const google = goldenPath("google-token.npz")
/** Odd in size, and resized so that no crop of it begins between two pixels. */
const photo = goldenPath("vit-folder-tiny/wide-rgb.png")

/** A run of a few steps, fine-tuned from timm's weights. */
const run = join(folder, "run")
beforeAll(async () => {
  const recipe = { steps: 2, batchSize: 4 }
  for await (const _ of train({ data: "shapes", from: goldenPath("vit-folder-tiny"), recipe, out: run })) void _
}, 60_000)

const apart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((worst, x, i) => Math.max(worst, Math.abs(x - (b[i] as number))), 0)

const tolerance = (logits: Float32Array): number => Math.max(2e-5, 1e-5 * Math.max(...logits.map(Math.abs)))

async function withModel<T>(path: string, use: (model: Model<ImageInput>) => Promise<T>): Promise<T> {
  const model = await load(path, { worker: false })
  try {
    return await use(model)
  } finally {
    await model.close()
  }
}

const logitsOf = (path: string): Promise<Float32Array> =>
  withModel(path, async (model) => (await model.logits([photo]))[0] as Float32Array)

describe("what is exported is the same model", () => {
  const sources = [
    ["a run", run],
    ["timm's", goldenPath("vit-folder-tiny")],
    ["Hugging Face's", goldenPath("huggingface-vit")],
    ["Google's", google],
  ] as const

  test.each(sources)("to Hugging Face's form, from %s", async (name, source) => {
    const out = join(folder, `hf ${name}`)
    const { files } = await exportModel(source, { to: "hf", out })
    expect(files.map(({ path }) => path)).toEqual(["config.json", "preprocessor_config.json", "model.safetensors"])
    expect(apart(await logitsOf(out), await logitsOf(source))).toBeLessThanOrEqual(tolerance(await logitsOf(source)))
  })

  test.each(sources.filter(([name]) => name !== "Hugging Face's"))("to timm's form, from %s", async (name, source) => {
    const out = join(folder, `timm ${name}`)
    await exportModel(source, { to: "timm", out })
    expect(existsSync(join(out, "checkpoints"))).toBe(false)
    expect(apart(await logitsOf(out), await logitsOf(source))).toBe(0)
    const { label_names, vitrine } = JSON.parse(readFileSync(join(out, "config.json"), "utf8"))
    if (name === "a run") expect(label_names).toContain("circle")
    expect(Object.keys(vitrine)).toEqual(["model"])
  })

  test.each(sources)("to ONNX, from %s", async (name, source) => {
    const out = join(folder, `onnx ${name}`)
    await exportModel(source, { to: "onnx", out })
    const session = await InferenceSession.create(join(out, "onnx", "model.onnx"))
    await withModel(source, async ({ config, preprocessing, logits }) => {
      const expected = (await logits([photo]))[0] as Float32Array
      const { data } = applyTransforms(await decodeImage(photo), evaluationTransforms(preprocessing, config))
      const [height, width] = config.imageSize
      const pixels = new Float32Array(data.length)
      for (let i = 0; i < height * width; i++)
        for (let c = 0; c < 3; c++) pixels[c * height * width + i] = data[3 * i + c] as number
      for (const batch of [1, 3]) {
        const images = new Float32Array(batch * pixels.length)
        for (let i = 0; i < batch; i++) images.set(pixels, i * pixels.length)
        const made = await session.run({ pixel_values: new Tensor("float32", images, [batch, 3, height, width]) })
        expect(made["logits"]?.dims).toEqual([batch, config.classes])
        const actual = made["logits"]?.data as Float32Array
        for (let i = 0; i < batch; i++)
          expect(apart(expected, actual.subarray(i * config.classes))).toBeLessThanOrEqual(tolerance(expected))
      }
    })
    await session.release()
  })

  test("at another size", async () => {
    const out = join(folder, "larger")
    const options = { imageSize: [64, 80] as const, cropMode: "squash" as const, cropPct: 1 }
    await exportModel(run, { to: "hf", out, ...options })
    const model = await load(run, { ...options, worker: false })
    const [expected] = await model.logits([photo])
    await model.close()
    expect(apart(await logitsOf(out), expected as Float32Array)).toBeLessThan(2e-5)
  })

  test("in float16, near to it", async () => {
    const [timm, hf] = [join(folder, "half-timm"), join(folder, "half-hf")]
    const exact = await logitsOf(run)
    for (const [to, out] of [
      ["timm", timm],
      ["hf", hf],
    ] as const) {
      const { files } = await exportModel(run, { to, out, precision: ["float16"] })
      const { bytes = 0 } = files.find(({ path }) => path === "model.safetensors") ?? {}
      expect(bytes).toBeLessThan(0.6 * readFileSync(join(run, "model.safetensors")).length)
      expect(apart(await logitsOf(out), exact)).toBeLessThan(0.01)
    }
  })
})

describe("every feature of the family is exported", () => {
  const names = goldenNames("vit-").filter((name) => "logits" in golden(name).tensors)
  const refused =
    /average|map|clip|qk-norm|distilled-features|one-patch|vit-registers|aimv2|beit3|joint|paired|post-norm|rms/

  /** The largest difference to the golden file's logits, and how much may be. */
  async function differences(name: string, path: string): Promise<[actual: number, allowed: number]> {
    const { images, logits } = golden(name).tensors
    const backend = await createBackend("onnx", { worker: false })
    const { config, weights, sources } = await readModelFolder(path)
    const read = parameterReader(weights, sources)
    const constants: Record<string, Float32Array> = {}
    for (const each of sources.keys()) constants[each] = await read(each)
    await weights.close()
    const input = ops.input("images", ["batch", ...config.imageSize, config.channels])
    const program = await backend.compile(
      graph({ outputs: { logits: vit(rootScope(), input, config as ViTConfig) } }),
      {
        batch: 3,
        constants,
      },
    )
    const made = await program.run({ images: images?.data as Float32Array })
    await backend.close()
    const expected = Float32Array.from(logits?.data ?? [])
    return [apart(made["logits"]?.data as Float32Array, expected), tolerance(expected)]
  }

  test.each(names)("%s", async (name) => {
    const { json, tensors } = golden(name)
    const config = vitConfig(json.config)
    const ones = Array.from({ length: config.channels }, () => 1)
    const preprocessing = { size: config.imageSize, interpolation: "bilinear", cropPct: 1, cropMode: "squash" } as const
    const weights = Object.fromEntries(
      Object.entries(tensors).flatMap(([each, { data }]) =>
        each.startsWith("param.") ? [[each.slice("param.".length), data as Float32Array]] : [],
      ),
    )
    const description = { config, labels: null, positionMethod: "timm" } as const
    const model = { ...description, preprocessing: { ...preprocessing, mean: ones, std: ones }, weights }
    for (const to of ["timm", "hf"] as const) {
      const out = join(folder, `${name}-${to}`)
      const write = async (): Promise<void> => writeModelFolder(out, (await exportFiles(model, { to })).files)
      if (to === "hf" ? refused.test(name) : config.pool === "token+average") {
        await expect(write()).rejects.toThrow(/no class of transformers|timm does not have/)
        continue
      }
      await write()
      const [actual, allowed] = await differences(name, out)
      expect(actual, to).toBeLessThanOrEqual(allowed)
    }
  })
})

describe("transformers.js takes the folder", () => {
  const name = "for-js"
  type Classified = { label: string; score: number }[]
  beforeAll(async () => {
    await exportModel(run, {
      to: "onnx",
      out: join(folder, name),
      precision: ["float32", "float16", "int8"],
      cropMode: "squash",
      cropPct: 1,
    })
    env.allowRemoteModels = false
    env.localModelPath = `${folder}/`
  })

  async function classify(image: string | RawImage, dtype?: "fp16" | "q8"): Promise<Classified> {
    const options = { session_options: { logSeverityLevel: 4 as const }, ...(dtype && { dtype }) }
    const classifier = await pipeline("image-classification", name, options)
    const actual = (await classifier(image, { top_k: 5 })) as Classified
    await classifier.dispose()
    return actual
  }

  const predict = (image: ImageInput): Promise<Classified> =>
    withModel(run, async () => {
      const model = await load(run, { worker: false, cropMode: "squash", cropPct: 1 })
      const actual = (await model.predict(image)).map(({ label, probability }) => ({ label, score: probability }))
      await model.close()
      return actual
    })

  test("with the same probabilities of an image that needs no resizing", async () => {
    const { data, info } = await sharp(photo)
      .resize(48, 48, { fit: "fill" })
      .raw()
      .toBuffer({ resolveWithObject: true })
    const bytes = Uint8Array.from(data)
    const expected = await predict({ width: 48, height: 48, channels: info.channels, data: bytes } as ImageInput)
    const actual = await classify(new RawImage(bytes, 48, 48, info.channels))
    expect(actual.map(({ label }) => label)).toEqual(expected.map(({ label }) => label))
    expect(
      apart(
        actual.map(({ score }) => score),
        expected.map(({ score }) => score),
      ),
    ).toBeLessThan(1e-6)
  })

  test("with nearly those of a photograph, which it resizes otherwise than Pillow", async () => {
    const expected = await predict(photo)
    const actual = await classify(photo)
    expect(actual[0]?.label).toBe(expected[0]?.label)
    for (const { label, score } of actual)
      expect(Math.abs(score - (expected.find((each) => each.label === label)?.score ?? Number.NaN))).toBeLessThan(0.02)
  })

  test.each(["fp16", "q8"] as const)("in %s, by the names of the files", async (dtype) => {
    const [exact, actual] = [await classify(photo), await classify(photo, dtype)]
    expect(actual[0]?.label).toBe(exact[0]?.label)
    expect(Math.abs((actual[0]?.score ?? 0) - (exact[0]?.score ?? 1))).toBeLessThan(0.1)
  })
})

describe("exportModel", () => {
  test("writes one .onnx file, with labels in it", async () => {
    const out = join(folder, "alone.onnx")
    const { files } = await exportModel(run, { to: "onnx", out })
    expect(files).toEqual([{ path: "alone.onnx", bytes: readFileSync(out).length }])
    expect(readFileSync(out).includes('"circle"')).toBe(true)
    await expect(exportModel(run, { to: "onnx", out })).rejects.toThrow(/alone\.onnx: exists already.*--force/)
    await exportModel(run, { to: "onnx", out, force: true })
  })

  test("of a model without classes gives features", async () => {
    const source = goldenPath("huggingface-features")
    const out = join(folder, "features.onnx")
    await exportModel(source, { to: "onnx", out })
    const session = await InferenceSession.create(out)
    expect(session.outputNames).toEqual(["last_hidden_state", "pooler_output"])
    await session.release()
    const { notes } = await exportModel(source, { to: "hf", out: join(folder, "features") })
    expect(notes).toMatchObject([/add_pooling_layer=False/])
  })

  test("refuses what cannot be, in one line", async () => {
    const refused = async (source: string, options: Parameters<typeof exportModel>[1]): Promise<string> => {
      const error: unknown = await exportModel(source, options).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      expect(VitrineError.isInstance(error), String(error)).toBe(true)
      return (error as Error).message
    }
    const out = join(folder, "refused")
    expect(await refused(run, { to: "hf", out, precision: ["int8"] })).toMatch(/in float32 or in float16, not in int8/)
    expect(await refused(run, { to: "onnx", out: `${out}.onnx`, precision: ["float32", "int8"] })).toMatch(
      /one precision/,
    )
    expect(await refused(goldenPath("big-vision-gap.npz"), { to: "hf", out })).toMatch(
      /no class of transformers.*timm or onnx/,
    )
    expect(await refused(run, { to: "timm", out: run, force: true })).toMatch(/holds ".*", which is no part/)
    expect(existsSync(out)).toBe(false)
    cpSync(goldenPath("vit-folder-tiny"), join(folder, "huge"), { recursive: true })
    const file = join(folder, "huge", "model.safetensors")
    const bytes = readFileSync(file)
    bytes.writeFloatLE(1e9, bytes.length - 4)
    writeFileSync(file, bytes)
    expect(await refused(join(folder, "huge"), { to: "onnx", out, precision: ["float16"] })).toMatch(
      /holds 1000000000, which float16/,
    )
  })
})
