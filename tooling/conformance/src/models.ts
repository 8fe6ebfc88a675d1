import {
  type Dim,
  foldKey,
  gradients,
  type InitScheme,
  initializeViT,
  keyFromSeed,
  ops,
  type Parameter,
  rootScope,
  type Scope,
  randomStream,
  type Tensor,
  type TensorType,
  type ViTConfig,
  vit,
  vitConfig,
  vitParameters,
} from "@vitrine/core"

const { add, adamW, div, input, mul, softmaxCrossEntropy, state, sum } = ops

const small = { imageSize: [8, 8], patchSize: [4, 4], dim: 16, depth: 2, heads: 2, mlpDim: 32, classes: 5 } as const

const rotary = {
  kind: "rotary",
  pairs: "neighbours",
  axes: "xy",
  centres: false,
  offset: 1,
  reference: [3, 4],
  frequencies: "fixed",
  temperature: 100,
  table: true,
} as const
const centred = {
  ...rotary,
  pairs: "halves",
  axes: "ij",
  centres: true,
  offset: 0,
  reference: null,
  table: false,
} as const
const mixed = { ...rotary, offset: 0, reference: null, frequencies: "learned", temperature: 10, table: false } as const

/** Small models that together use every part of the ViT. */
export const configs: Readonly<Record<string, ViTConfig>> = {
  "class token": vitConfig(small),
  "average pooling, sine positions, tanh GELU": vitConfig({
    ...small,
    pool: "average",
    positions: "sincos2d",
    activation: "gelu_tanh",
  }),
  "rectangular, one channel, ReLU, pre-logits": vitConfig({
    ...small,
    imageSize: [6, 12],
    patchSize: [3, 2],
    channels: 1,
    dim: 12,
    heads: 3,
    activation: "relu",
    preLogits: { dim: 7, activation: "tanh" },
  }),
  "attention pooling, registers, LayerScale, gated SiLU": vitConfig({
    ...small,
    pool: "map",
    registers: 2,
    layerScale: 0.5,
    gatedMlp: true,
    activation: "silu",
  }),
  "distillation, normed queries and keys, no biases, norm before the blocks, quick GELU": vitConfig({
    ...small,
    distillationToken: true,
    qkNorm: true,
    qkvBias: false,
    projBias: false,
    embeddingNorm: true,
    activation: "quick_gelu",
  }),
  "class token beside the average, positions of patches only, no final norm": vitConfig({
    ...small,
    pool: "token+average",
    registers: 1,
    prefixPositions: false,
    finalNorm: false,
  }),
  "behind a ResNet's first stages": vitConfig({
    ...small,
    imageSize: [9, 18],
    patchSize: [1, 1],
    stem: { width: 4, depths: [1, 1], groups: 2, numerics: "timm" },
    depth: 1,
  }),
  "rotary positions beside a table, a matrix for each projection and gate, norms within, no keys' bias": vitConfig({
    ...small,
    imageSize: [8, 12],
    positions: rotary,
    splitQkv: true,
    keyBias: false,
    gatedMlp: true,
    splitGate: true,
    attentionNorm: true,
    mlpNorm: true,
    activation: "silu",
  }),
  "rotary positions of centres, registers, LayerScale, no keys' bias, a pool of its own size": vitConfig({
    ...small,
    imageSize: [12, 8],
    positions: centred,
    registers: 2,
    layerScale: 0.5,
    keyBias: false,
    pool: "map",
    poolPrefix: true,
    mapPool: { heads: 4, mlpDim: 24 },
  }),
  "norms by the root mean square, behind the layers and of the patches, within the attention and the MLP": vitConfig({
    ...small,
    norm: "rms",
    patchNorm: true,
    postNorm: true,
    attentionNorm: true,
    mlpNorm: true,
    qkNorm: true,
  }),
  "layers side by side in pairs": vitConfig({ ...small, blockKind: "paired", layerScale: 0.5 }),
  "attention and MLP of one projection": vitConfig({
    ...small,
    blockKind: "joint",
    norm: "rms",
    qkNorm: true,
    qkvBias: false,
    layerScale: 0.5,
  }),
  "learned rotary positions": vitConfig({ ...small, imageSize: [8, 12], positions: mixed }),
  "one patch, one head, no positions, no head": vitConfig({
    ...small,
    imageSize: [4, 4],
    heads: 1,
    depth: 1,
    positions: "none",
    classes: 0,
  }),
}

/** Random parameters. None is 0, not even in the head and the biases, since a zero would hide an error. */
export function randomParameters(
  parameters: readonly Parameter[],
  config: ViTConfig,
  scheme: InitScheme = "fan",
): Record<string, Float32Array> {
  const values = initializeViT(parameters, config, scheme, keyFromSeed(1))
  for (const [name, data] of Object.entries(values)) {
    const random = randomStream(foldKey(keyFromSeed(2), name))
    for (let i = 0; i < data.length; i++) data[i] = (data[i] as number) + 0.1 * random.normal()
  }
  return values
}

export const imagesOf = (config: ViTConfig, batch: Dim = "batch"): Tensor =>
  input("images", [batch, ...config.imageSize, config.channels])

export function randomImages(config: ViTConfig, batch: number, seed = 3): Float32Array {
  const random = randomStream(keyFromSeed(seed))
  const count = batch * config.imageSize[0] * config.imageSize[1] * config.channels
  return Float32Array.from({ length: count }, random.normal)
}

export interface Model {
  readonly logits: Tensor
  readonly parameters: Readonly<Record<string, Tensor>>
  readonly taps: Readonly<Record<string, Tensor>>
}

/** The forward pass with its parameters and taps. */
export function trace(
  config: ViTConfig,
  images: Tensor,
  options: { readonly taps?: "all" | readonly string[]; readonly key?: Tensor } = {},
): Model {
  const parameters: Record<string, Tensor> = {}
  const taps: Record<string, Tensor> = {}
  const scope: Scope = rootScope({
    ...options,
    param: ({ name, shape }) => (parameters[name] ??= state(name, shape)),
    onTap: (name, t) => void (taps[name] = t),
  })
  return { logits: vit(scope, images, config), parameters, taps }
}

/** The weighted mean of the cross-entropies of a batch. */
export function lossOf(logits: Tensor, targets: Tensor, weights: Tensor): Tensor {
  return div(sum(mul(softmaxCrossEntropy(logits, targets), weights)), sum(weights))
}

export interface Step {
  readonly outputs: Readonly<Record<string, Tensor>>
  readonly updates: Readonly<Record<string, Tensor>>
}

/** A step of AdamW with dropout. The scalars that change from step to step are inputs. */
export function trainStep(config: ViTConfig): Step {
  const key = input("key", [2], "int32")
  const { logits, parameters } = trace(config, imagesOf(config), { key })
  const loss = lossOf(logits, input("targets", logits.shape), input("weights", logits.shape.slice(0, 1)))
  const grads = gradients([loss], Object.values(parameters))
  const scalars = { stepSize: input("stepSize", []), correction: input("correction", []), decay: input("decay", []) }
  const updates: Record<string, Tensor> = {}
  let norm: Tensor = ops.scalar(0)
  Object.entries(parameters).forEach(([name, parameter], i) => {
    const gradient = grads[i] as Tensor
    norm = add(norm, sum(ops.square(gradient)))
    // The epsilon is far above rounding errors. A gradient that is zero, such as that of the keys' bias, consists of
    // rounding errors, and with a small epsilon Adam would make a whole step of them.
    const attributes = { beta1: 0.9, beta2: 0.999, epsilon: 1e-3 }
    const [m, v] = [state(`m.${name}`, parameter.shape), state(`v.${name}`, parameter.shape)]
    const moved = adamW(parameter, gradient, m, v, scalars, attributes)
    ;[updates[name], updates[`m.${name}`], updates[`v.${name}`]] = moved
  })
  return { outputs: { loss, norm: ops.sqrt(norm) }, updates }
}

/** The slots that `trainStep` reads and writes. */
export function trainSlots(config: ViTConfig): Record<string, TensorType> {
  return Object.fromEntries(
    vitParameters(config).flatMap(({ name, shape }) =>
      ["", "m.", "v."].map((prefix) => [`${prefix}${name}`, { shape, dtype: "float32" as const }]),
    ),
  )
}

/** The inputs of the `t`-th step, from 1. */
export function trainInputs(config: ViTConfig, batch: number, t: number): Record<string, Float32Array | Int32Array> {
  const random = randomStream(foldKey(keyFromSeed(4), t))
  const targets = new Float32Array(batch * config.classes).fill(0.1 / config.classes)
  for (let i = 0; i < batch; i++) {
    const at = i * config.classes + random.integer(config.classes)
    targets[at] = (targets[at] as number) + 0.9
  }
  const learningRate = 0.02 / t
  return {
    images: randomImages(config, batch, 10 + t),
    targets,
    weights: Float32Array.from({ length: batch }, (_, i) => (i === batch - 1 ? 0 : 1)),
    key: Int32Array.of(-t, t * 1000003),
    stepSize: Float32Array.of(learningRate / (1 - 0.9 ** t)),
    correction: Float32Array.of(1 / Math.sqrt(1 - 0.999 ** t)),
    decay: Float32Array.of(1 - learningRate * 0.1),
  }
}
