import { existsSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { type GoldenTensor, golden, goldenNames, goldenPath, readTensors } from "../src/index.ts"

const vits = [
  "aimv2",
  "aimv2-map",
  "average",
  "average-class-token",
  "average-norm-first",
  "beit3",
  "clip",
  "clip-qkv",
  "deit3",
  "distilled",
  "distilled-features",
  "features",
  "features-average",
  "joint",
  "joint-scaled",
  "map",
  "map-prefix",
  "no-positions",
  "no-positions-average",
  "one-patch",
  "paired",
  "post-norm",
  "qk-norm",
  "qk-norm-prefix",
  "rectangle",
  "registers",
  "registers-positions",
  "rms",
  "swiglu",
  "swiglu-map",
  "token",
  "token-average",
  "token-average-features",
  "token-fc-norm",
].map((name) => `vit-${name}`)

const trainings = [
  "adam",
  "adamw",
  "adamw-accumulate",
  "adamw-ema",
  "adamw-layer-decay",
  "adamw-multi-label",
  "adamw-schedule",
  "sgd",
  "sgd-clip",
  "sgd-nesterov",
].map((name) => `training-${name}`)

const googles = ["gap", "hybrid", "hybrid-root", "released", "token"].map((name) => `google-${name}`)
const bigVisions = ["gap", "map", "old", "siglip", "sincos", "tok"].map((name) => `big-vision-${name}`)
const attentions = ["added", "blind", "both", "causal", "cross", "padding"].map((name) => `attention-${name}`)
const rotaries = [
  "axial",
  "axial-table",
  "core",
  "dinov3",
  "dinov3-gated",
  "dinov3-token",
  "eva-giant",
  "eva-post-norm",
  "eva02",
  "eva02-norms",
  "mixed",
  "mixed-table",
  "registers",
  "spatial",
].map((name) => `rotary-${name}`)
const large = ["core", "dinov3", "mixed"].map((name) => `large-rotary-${name}`)
const bits = ["features", "odd", "square", "variants", "wide"].map((name) => `bit-${name}`)
const hybrids = ["average", "features", "google", "root", "small-root", "stages", "variants"].map(
  (name) => `hybrid-${name}`,
)

const seq2seqs = ["image", "image-patches", "text", "text-apart"].map((name) => `seq2seq-${name}`)
const transformers = ["no-bias", "padded", "plain", "post", "pre", "pre-plain"].map((name) => `transformer-${name}`)

type Tensors = Readonly<Record<string, GoldenTensor>>

function tensor(tensors: Tensors, name: string): GoldenTensor {
  const found = tensors[name]
  if (found === undefined) throw new Error(`no tensor ${name}`)
  return found
}

/** Rows of a tensor's last axis. */
function rows({ shape, data }: GoldenTensor): number[][] {
  const width = shape.at(-1) ?? 1
  return Array.from({ length: data.length / width }, (_, i) => Array.from(data.subarray(i * width, (i + 1) * width)))
}

const sum = (values: Iterable<number>): number => Array.from(values).reduce((a, b) => a + b, 0)
const largest = (values: Iterable<number>): number => Array.from(values).reduce((a, b) => Math.max(a, Math.abs(b)), 0)

function softmax(row: readonly number[]): number[] {
  const top = Math.max(...row)
  const powers = row.map((x) => Math.exp(x - top))
  const total = sum(powers)
  return powers.map((x) => x / total)
}

function expectClose(actual: Iterable<number>, expected: Iterable<number>, tolerance: number): void {
  const a = Array.from(actual)
  const b = Array.from(expected)
  expect(a.length).toBe(b.length)
  expect(largest(a.map((x, i) => x - (b[i] as number)))).toBeLessThanOrEqual(tolerance)
}

test("the golden files are those that the README lists", () => {
  const objectives = ["distill-hard", "distill-soft", "masked-patch"].map((name) => `objective-${name}`)
  const resnets = ["basic", "bottleneck", "dilated"].map((name) => `resnet-${name}`)
  const detectors = ["dilated", "losses", "post", "pre", "training"].map((name) => `detr-${name}`)
  const detection = ["assignment", "average-precision", "boxes", ...detectors]
  const others = [
    "family",
    "flops",
    "guide-drawing",
    "guide-photo",
    "interpret",
    "labels",
    "losses",
    "plan",
    "probe",
    "processors",
    "resolution",
    "threefry",
    "variants",
  ]
  const models = [
    ...bigVisions,
    ...bits,
    ...googles,
    ...hybrids,
    ...large,
    ...resnets,
    ...rotaries,
    ...seq2seqs,
    ...transformers,
    ...vits,
  ]
  const all = [...attentions, ...detection, ...models, ...objectives, ...others, ...trainings]
  expect(goldenNames()).toEqual(all.toSorted())
  expect(goldenNames("vit-")).toEqual(vits)
})

test("every tensor has as many values as its shape, and all are finite", () => {
  for (const name of [...goldenNames(), "vit-folder-tiny/expected"]) {
    for (const [key, { shape, data }] of Object.entries(golden(name).tensors)) {
      expect(data.length, `${name} ${key}`).toBe(shape.reduce((a, b) => a * b, 1))
      expect(data.every(Number.isFinite), `${name} ${key}`).toBe(true)
    }
  }
})

describe.each(vits)("%s", (name) => {
  const { json, tensors } = golden(name)
  const { config } = json
  const batch = 3
  const weights = Array.from(tensor(tensors, "weights").data)
  const total = sum(weights)
  const features = config.pool === "token+average" ? 2 * config.dim : config.dim
  const logits = rows(tensor(tensors, "logits"))
  const targets = rows(tensor(tensors, "targets"))

  test("images and logits have the shapes of the configuration", () => {
    expect(tensor(tensors, "images").shape).toEqual([batch, ...config.imageSize, config.channels])
    expect(tensor(tensors, "logits").shape).toEqual([batch, config.classes || features])
    expect(tensor(tensors, "tap.features").shape).toEqual([batch, features])
  })

  test("the loss is the weighted mean of the cross-entropies of the logits", () => {
    const each = logits.map((row, b) => {
      const p = softmax(row)
      return -sum(p.map((x, c) => Math.log(x) * (targets[b]?.[c] as number)))
    })
    expect(sum(each.map((x, b) => x * (weights[b] as number))) / total).toBeCloseTo(json.loss, 12)
  })

  test("float32 and float64 logits agree to float32 accuracy", () => {
    expectClose(tensor(tensors, "logits_f32").data, tensor(tensors, "logits").data, 2e-5)
  })

  test("every parameter has a gradient of its shape, and none is 0 throughout", () => {
    const parameters = Object.keys(tensors).filter((key) => key.startsWith("param."))
    expect(parameters.length).toBeGreaterThan(12)
    for (const key of parameters) {
      const gradient = tensor(tensors, key.replace("param.", "grad."))
      expect(gradient.shape, key).toEqual(tensor(tensors, key).shape)
      // Softmax does not see a shift of all scores.
      if (key.endsWith(".k_norm.bias")) expect(largest(gradient.data), key).toBeLessThan(1e-14)
      else expect(largest(gradient.data), key).toBeGreaterThan(1e-6)
    }
  })

  test.runIf(config.qkvBias && !config.qkNorm && config.blockKind === undefined)(
    "the gradient of the keys' bias is 0: softmax does not see a shift",
    () => {
      for (let block = 0; block < config.depth; block++) {
        const gradient = tensor(tensors, `grad.blocks.${block}.attn.qkv.bias`).data
        expect(largest(gradient.subarray(config.dim, 2 * config.dim))).toBeLessThan(1e-14)
        expect(largest(gradient.subarray(2 * config.dim))).toBeGreaterThan(1e-4)
      }
    },
  )

  test("the gradient of the head's bias is the weighted mean of probabilities less targets", () => {
    if (config.classes === 0) return expect(tensors["param.head.bias"]).toBeUndefined()
    const expected = new Float64Array(config.classes)
    for (const [b, row] of logits.entries()) {
      const t = targets[b] as number[]
      for (const [c, p] of softmax(row).entries())
        expected[c] = (expected[c] as number) + ((weights[b] as number) / total) * (p * sum(t) - (t[c] as number))
    }
    // The two heads of a distilled model share the gradient of their mean.
    const share = config.distillationToken ? 0.5 : 1
    for (const head of config.distillationToken ? ["head", "head_dist"] : ["head"])
      expectClose(
        tensor(tensors, `grad.${head}.bias`).data,
        expected.map((x) => share * x),
        1e-14,
      )
  })

  test.runIf(config.blockKind === undefined)(
    "attention is the softmax of the scores, and the stream is the sum of what the blocks add",
    () => {
      for (let block = 0; block < config.depth; block++) {
        const tap = (key: string): GoldenTensor => tensor(tensors, `tap.blocks.${block}${key}`)
        expectClose(rows(tap(".attn")).flat(), rows(tap(".scores")).flatMap(softmax), 1e-14)
        const before = block === 0 ? tensor(tensors, "tap.tokens") : tensor(tensors, `tap.blocks.${block - 1}`)
        const scaled = (name: string, scale: string): Float64Array => {
          const gamma = tensors[`param.blocks.${block}.${scale}.gamma`]?.data
          return Float64Array.from(tap(name).data, (x, i) => x * (gamma?.[i % config.dim] ?? 1))
        }
        const [attended, added] = config.postNorm
          ? [scaled(".norm1", "ls1"), scaled(".norm2", "ls2")]
          : [scaled(".proj", "ls1"), scaled(".mlp", "ls2")]
        const after = before.data.map((x, i) => x + (attended[i] as number) + (added[i] as number))
        expectClose(tap("").data, after, 1e-13)
      }
    },
  )

  test.runIf(config.pool !== "map")("pooling reads tokens, or the mean of the patches, or both", () => {
    const { data, shape } = tensors["tap.norm"] ?? tensor(tensors, `tap.blocks.${config.depth - 1}`)
    const [, tokens, dim] = shape as [number, number, number]
    const prefix = Number(config.classToken) + Number(config.distillationToken) + config.registers
    /** The mean of some tokens of an image. */
    const average = (image: number, first: number, end: number): number[] =>
      Array.from({ length: dim }, (_, i) => {
        const all = Array.from(
          { length: end - first },
          (_, t) => data[(image * tokens + first + t) * dim + i] as number,
        )
        return sum(all) / all.length
      })
    const pooled = Array.from({ length: batch }, (_, image) => {
      const token = average(image, 0, config.distillationToken ? 2 : 1)
      const patches = average(image, config.poolPrefix ? 0 : prefix, tokens)
      return { token, average: patches, "token+average": [...token, ...patches] }[config.pool as "token"]
    })
    expectClose(tensor(tensors, "tap.pooled").data, pooled.flat(), 1e-14)
    expect(tensors["tap.norm"] === undefined).toBe(config.normAfterPool || !config.finalNorm)
  })
})

describe.each(trainings)("%s", (name) => {
  const { json, tensors } = golden(name)

  test("has a loss, a rate and a norm a step, and parameters before and after", () => {
    for (const key of ["losses", "lrs", "grad_norms"]) expect(json[key].length).toBe(json.steps)
    const { imageSize, channels } = json.config
    const rowsOfAStep = json.batch * json.accumulate
    expect(tensor(tensors, "images").shape).toEqual([json.steps, rowsOfAStep, ...imageSize, channels])
    const names = Object.keys(json.lr_scale)
    expect(names.length).toBe(32)
    for (const parameter of names) {
      const init = tensor(tensors, `init.${parameter}`)
      const final = tensor(tensors, `final.${parameter}`)
      expect(final.shape).toEqual(init.shape)
      expect(largest(final.data.map((x, i) => x - (init.data[i] as number))), parameter).toBeGreaterThan(1e-4)
      if (json.ema !== null) expect(tensor(tensors, `ema.${parameter}`).shape).toEqual(init.shape)
    }
  })

  test("follows its schedule", () => {
    const { kind, warmup, steps } = json.schedule
    const expected = Array.from({ length: steps }, (_, step) => {
      if (kind === "constant") return json.optimizer.lr
      if (step < warmup) return (json.optimizer.lr * (step + 1)) / warmup
      return (json.optimizer.lr / 2) * (1 + Math.cos((Math.PI * (step - warmup)) / (steps - warmup)))
    })
    expectClose(json.lrs, expected, 1e-17)
  })

  test("clips some steps where it clips", () => {
    if (json.clip !== null) expect(Math.max(...json.grad_norms)).toBeGreaterThan(json.clip)
  })
})

test("layer-wise decay falls by one factor a block from the head", () => {
  const scale = golden("training-adamw-layer-decay").json.lr_scale
  expect(scale["head.weight"]).toBe(1)
  expect(scale["norm.weight"]).toBe(0.75)
  expect(scale["blocks.1.mlp.fc2.weight"]).toBe(0.75)
  expect(scale["blocks.0.norm1.bias"]).toBe(0.75 ** 2)
  for (const name of ["cls_token", "pos_embed", "patch_embed.proj.weight"]) expect(scale[name]).toBe(0.75 ** 3)
})

test("the gradient of a loss sums to 0 over the classes of each example with a softmax", () => {
  const { json, tensors } = golden("losses")
  for (const name of Object.keys(json.losses).filter((name) => name.startsWith("cross_entropy")))
    for (const row of rows(tensor(tensors, `grad.${name}`))) expect(Math.abs(sum(row))).toBeLessThan(1e-15)
})

test("weighted and smoothed cross-entropy is PyTorch's formula", () => {
  const { json, tensors } = golden("losses")
  const logs = rows(tensor(tensors, "logits")).map((row) => softmax(row).map(Math.log))
  const labels = tensor(tensors, "labels").data
  const w = Array.from(tensor(tensors, "class_weights").data)
  const smoothing = json.label_smoothing
  let above = 0
  let below = 0
  for (const [b, row] of logs.entries()) {
    const label = labels[b] as number
    above -= (1 - smoothing) * (w[label] as number) * (row[label] as number)
    above -= (smoothing / row.length) * sum(row.map((x, c) => x * (w[c] as number)))
    below += w[label] as number
  }
  expect(above / below).toBeCloseTo(json.losses.cross_entropy_weighted_smoothed, 13)
})

test("parameter counts follow from the configurations", () => {
  for (const { name, config, parameters } of golden("variants").json.variants) {
    const { dim, depth, mlpDim, classes, channels, imageSize, patchSize, classToken } = config
    const patch = patchSize[0] * patchSize[1]
    const tokens = (imageSize[0] * imageSize[1]) / patch + (classToken ? 1 : 0)
    const block = 4 * dim + (3 * dim + 1 + dim) * dim + 3 * dim + (2 * dim + 1) * mlpDim + dim
    const embedding = (patch * channels + 1) * dim + (classToken ? dim : 0) + tokens * dim
    expect(embedding + depth * block + 2 * dim + (dim + 1) * classes, name).toBe(parameters)
  }
})

test("threefry has the published known answers", () => {
  const { threefry } = golden("threefry").json
  expect(threefry[0]).toEqual({ key: [0, 0], counter: [0, 0], words: [0x6b200159, 0x99ba4efe] })
  expect(threefry[2].words).toEqual([0xc4923a9c, 0x483df7a0])
})

test.each(["vit", "deit", "rectangle", "features"])("huggingface-%s holds its weights, images and logits", (kind) => {
  const name = `huggingface-${kind}`
  const { json, tensors } = golden(`${name}/expected`)
  expect(golden(`${name}/config`).json.model_type).toBe("vit")
  expect(existsSync(goldenPath(`${name}/preprocessor_config.json`))).toBe(true)
  expect(existsSync(goldenPath(`${name}/model.safetensors`))).toBe(true)
  expect(tensor(tensors, "images").shape[0]).toBe(json.results.length)
  for (const [i, { file, logits }] of json.results.entries()) {
    expect(existsSync(goldenPath(`${name}/${file}`)), file).toBe(true)
    expectClose(logits, rows(tensor(tensors, "logits"))[i] as number[], 2e-5)
  }
})

test("the folder holds its weights, its images and their logits", () => {
  const { json, tensors } = golden("vit-folder-tiny/expected")
  const config = golden("vit-folder-tiny/config").json
  expect(readTensors(goldenPath("vit-folder-tiny/model.safetensors"))["head.weight"]?.shape).toEqual([7, 48])
  expect(config.label_names.length).toBe(config.num_classes)
  expect(tensor(tensors, "images").shape).toEqual([json.results.length, 48, 48, 3])
  for (const [i, { file, logits, top }] of json.results.entries()) {
    expect(existsSync(goldenPath(`vit-folder-tiny/${file}`)), file).toBe(true)
    expectClose(logits, rows(tensor(tensors, "logits"))[i] as number[], 2e-5)
    expect(logits[top[0].index]).toBe(Math.max(...logits))
  }
})
