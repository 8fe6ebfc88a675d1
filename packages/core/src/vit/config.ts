import { VitrineError } from "../errors.ts"

export type Activation = "gelu" | "gelu_tanh" | "relu"

/** All that a Vision Transformer is made from. Fields are the paper's (Dosovitskiy et al., 2021, table 1). */
export interface ViTConfig {
  /** Height and width of the input in pixels. */
  readonly imageSize: readonly [height: number, width: number]
  /** Height and width of a patch in pixels; they divide the image size. */
  readonly patchSize: readonly [height: number, width: number]
  /** Colour channels of the input. */
  readonly channels: number
  /** Width D of the tokens. */
  readonly dim: number
  /** Number L of blocks. */
  readonly depth: number
  /** Heads of the self-attention; they divide `dim`. */
  readonly heads: number
  /** Width of the hidden layer of each MLP. */
  readonly mlpDim: number
  /** Outputs of the head; 0 for no head: the model then gives the pooled features. */
  readonly classes: number
  /** Whether a learned class token stands before the patches. */
  readonly classToken: boolean
  /** What the head reads: the class token, or the average over the patches. */
  readonly pool: "token" | "average"
  /** Whether the final LayerNorm stands after the pooling (timm's `fc_norm`) or before it (`norm`, as in the paper). */
  readonly normAfterPool: boolean
  /** Learned table, fixed 2-D sine-cosine table (big_vision), or nothing. */
  readonly positions: "learned" | "sincos2d" | "none"
  readonly activation: Activation
  /** A hidden layer before the logits, `tanh` as in pre-training, `relu` as in small models; null for a linear head. */
  readonly preLogits: { readonly dim: number; readonly activation: "tanh" | "relu" } | null
  /** Dropout after the embeddings, in the MLPs and after each projection. */
  readonly dropout: number
  /** Dropout on the attention weights. */
  readonly attentionDropout: number
  /** Rate of stochastic depth at the last block, growing linearly from 0 at the first. */
  readonly stochasticDepth: number
  readonly layerNormEpsilon: number
}

/** Width, depth, heads and MLP width by name: the paper's B, L, H; Ti and S of DeiT; g and G of "Scaling ViTs". */
const sizes = {
  Ti: { dim: 192, depth: 12, heads: 3, mlpDim: 768 },
  S: { dim: 384, depth: 12, heads: 6, mlpDim: 1536 },
  B: { dim: 768, depth: 12, heads: 12, mlpDim: 3072 },
  L: { dim: 1024, depth: 24, heads: 16, mlpDim: 4096 },
  H: { dim: 1280, depth: 32, heads: 16, mlpDim: 5120 },
  g: { dim: 1408, depth: 40, heads: 16, mlpDim: 6144 },
  G: { dim: 1664, depth: 48, heads: 16, mlpDim: 8192 },
} as const

const defaults: ViTConfig = {
  imageSize: [224, 224],
  patchSize: [16, 16],
  channels: 3,
  ...sizes.B,
  classes: 1000,
  classToken: true,
  pool: "token",
  normAfterPool: false,
  positions: "learned",
  activation: "gelu",
  preLogits: null,
  dropout: 0,
  attentionDropout: 0,
  stochasticDepth: 0,
  layerNormEpsilon: 1e-6,
}

/**
 * A checked configuration: what is left out is ViT-B/16's at 224², and pooling by average drops the class token
 * and norms after the pool, as timm does, unless told otherwise.
 * @throws VitrineError (config) for a model that cannot exist.
 */
export function vitConfig(fields: Partial<ViTConfig> = {}): ViTConfig {
  const average = fields.pool === "average"
  const config = { ...defaults, classToken: !average, normAfterPool: average, ...fields }
  checkConfig(config)
  return config
}

/**
 * A published variant by its usual name, such as `variant("B/16")` or `variant("Ti/4", { imageSize: [32, 32] })`.
 * @throws VitrineError (config) for a name that is not SIZE/PATCH.
 */
export function variant(name: string, fields: Partial<ViTConfig> = {}): ViTConfig {
  const [, size, patch] = /^(?:ViT-)?([A-Za-z]+)\/(\d{1,4})$/.exec(name) ?? []
  if (size === undefined || patch === undefined || !Object.hasOwn(sizes, size)) {
    const known = Object.keys(sizes).join(", ")
    throw new VitrineError("config", `no variant "${name}": write SIZE/PATCH, as in "B/16", with a size of ${known}`)
  }
  return vitConfig({ ...sizes[size as keyof typeof sizes], patchSize: [Number(patch), Number(patch)], ...fields })
}

/** Largest counts that are taken for a model and not for a mistake or an attack. */
const limits = {
  imageSize: 16384,
  patchSize: 16384,
  channels: 1024,
  dim: 65536,
  depth: 1024,
  heads: 1024,
  mlpDim: 1 << 20,
  classes: 1 << 22,
}

const maxTokens = 1 << 20

/** A value as a message shows it: text in quotes, and NaN as NaN. */
const told = (value: unknown): string => (typeof value === "number" ? String(value) : JSON.stringify(value))

function checkConfig(config: ViTConfig): void {
  const fail = (message: string): never => {
    throw new VitrineError("config", message)
  }
  const count = (field: string, value: unknown, least: number, most: number): void => {
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
      fail(`${field} must be an integer from ${least} to ${most}, got ${told(value)}`)
  }
  for (const field of ["imageSize", "patchSize"] as const) {
    const pair = config[field]
    if (!Array.isArray(pair) || pair.length !== 2) fail(`${field} must be [height, width], got ${JSON.stringify(pair)}`)
    for (const side of pair) count(field, side, 1, limits[field])
  }
  for (const field of ["channels", "dim", "depth", "heads", "mlpDim"] as const)
    count(field, config[field], 1, limits[field])
  count("classes", config.classes, 0, limits.classes)
  if (config.dim % config.heads !== 0)
    fail(`heads must divide dim, but ${config.heads} heads do not divide a width of ${config.dim}`)
  const [height, width] = config.imageSize
  const [patchHeight, patchWidth] = config.patchSize
  if (height % patchHeight !== 0 || width % patchWidth !== 0)
    fail(`patches of ${patchHeight}×${patchWidth} do not divide images of ${height}×${width}`)
  if ((height / patchHeight) * (width / patchWidth) > maxTokens)
    fail(`${height}×${width} images in ${patchHeight}×${patchWidth} patches make more than ${maxTokens} tokens`)
  const oneOf = (field: string, value: unknown, allowed: readonly unknown[]): void => {
    if (!allowed.includes(value)) fail(`${field} must be one of ${allowed.join(", ")}, got ${JSON.stringify(value)}`)
  }
  oneOf("pool", config.pool, ["token", "average"])
  oneOf("positions", config.positions, ["learned", "sincos2d", "none"])
  oneOf("activation", config.activation, ["gelu", "gelu_tanh", "relu"])
  for (const field of ["classToken", "normAfterPool"] as const) oneOf(field, config[field], [true, false])
  if (config.pool === "token" && !config.classToken) fail(`pool "token" needs a class token, but classToken is false`)
  if (config.positions === "sincos2d" && config.dim % 4 !== 0)
    fail(`sincos2d positions need a width divisible by 4, got ${config.dim}`)
  if (config.preLogits !== null) {
    count("preLogits.dim", config.preLogits?.dim, 1, limits.dim)
    oneOf("preLogits.activation", config.preLogits?.activation, ["tanh", "relu"])
  }
  for (const field of ["dropout", "attentionDropout", "stochasticDepth"] as const)
    if (!(typeof config[field] === "number" && config[field] >= 0 && config[field] < 1))
      fail(`${field} must be in [0, 1), got ${told(config[field])}`)
  const { layerNormEpsilon: epsilon } = config
  if (!(typeof epsilon === "number" && epsilon > 0 && epsilon < 1))
    fail(`layerNormEpsilon must be in (0, 1), got ${told(epsilon)}`)
}

/** Patches down and across: `[height / patchHeight, width / patchWidth]`. */
export function patchGrid(config: ViTConfig): readonly [rows: number, columns: number] {
  return [config.imageSize[0] / config.patchSize[0], config.imageSize[1] / config.patchSize[1]]
}

/** Length of the sequence that the blocks see: the patches, and the class token if there is one. */
export function tokenCount(config: ViTConfig): number {
  const [rows, columns] = patchGrid(config)
  return rows * columns + (config.classToken ? 1 : 0)
}
