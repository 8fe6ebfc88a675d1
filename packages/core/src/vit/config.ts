import { VitrineError } from "../errors.ts"
import { type Activation, activationNames, type PreLogitsActivation, preLogitsActivations } from "../nn/activations.ts"
import { rowNames } from "../tables.ts"

/** What the head of a Vision Transformer may read. */
export const pools = ["token", "average", "map", "token+average"] as const

/** Where the tokens' positions may come from: a learned table, big_vision's fixed 2-D sine-cosine table, or nowhere. */
export const positionKinds = ["learned", "sincos2d", "none"] as const

/** Whose ε a hybrid's ResNet may use. */
export const stemNumerics = ["google", "timm"] as const

/**
 * The first layers of a ResNet before the patches, as in the paper's hybrids: a 7×7 convolution and a max pool, each of
 * stride 2, then stages of bottlenecks, from the second on with stride 2.
 */
export interface StemConfig {
  /** Channels W after the first convolution; stage i, from 0, gives 4 W 2^i. */
  readonly width: number
  /** Blocks of each stage; none for the first convolution alone. */
  readonly depths: readonly number[]
  /** Groups of every group norm. */
  readonly groups: number
  /** Whose ε: Google's code divides kernels by deviation + 1e-5 and norms with 1e-6; timm by √(variance + 1e-8) and with 1e-5. */
  readonly numerics: (typeof stemNumerics)[number]
}

/**
 * All that a Vision Transformer is made from. Fields are the paper's (Dosovitskiy et al., 2021, table 1) and those of the
 * models that came after it, as timm's `VisionTransformer` builds them.
 */
export interface ViTConfig {
  /** Tells this configuration from those of other families. */
  readonly family: "vit"
  /** Height and width of the input in pixels. */
  readonly imageSize: readonly [height: number, width: number]
  /** Height and width of a patch in pixels, or in places of the stem's features; they divide the size of these. */
  readonly patchSize: readonly [height: number, width: number]
  /** The ResNet of a hybrid, whose features are cut into patches in place of the image; null for none. */
  readonly stem: StemConfig | null
  /** Colour channels of the input. */
  readonly channels: number
  /** Width D of the tokens. */
  readonly dim: number
  /** Number L of blocks. */
  readonly depth: number
  /** Heads of the self-attention; they divide `dim`. */
  readonly heads: number
  /** Width of the hidden layer of each MLP: what its second matrix reads. */
  readonly mlpDim: number
  /**
   * Whether each MLP's hidden layer is the product of two, one of them through the activation (Shazeer, 2020): with "silu"
   * the SwiGLU of DINOv2's giant. `fc1` holds both, the activated one first.
   */
  readonly gatedMlp: boolean
  /** Outputs of the head; 0 for no head: the model then gives the pooled features. */
  readonly classes: number
  /** Whether a learned class token stands before the patches. */
  readonly classToken: boolean
  /** Whether a second token with a head of its own, for a teacher's labels, follows the class token (DeiT, Touvron et al., 2021). */
  readonly distillationToken: boolean
  /** Learned tokens between those and the patches that nothing reads ("Vision Transformers Need Registers", Darcet et al., 2024). */
  readonly registers: number
  /**
   * What the head reads: the class token; the average over the patches; what one learned query finds in the patches by
   * attention (the "map" head of "Scaling Vision Transformers", Zhai et al., 2022, and of SigLIP); or the class token and
   * the average side by side (DINOv2's linear head in transformers).
   */
  readonly pool: (typeof pools)[number]
  /** Whether averages and learned queries see the tokens before the patches too. */
  readonly poolPrefix: boolean
  /** Whether there is a LayerNorm after the blocks. */
  readonly finalNorm: boolean
  /** Whether the final LayerNorm stands after the pooling (timm's `fc_norm`) or before it (`norm`, as in the paper). */
  readonly normAfterPool: boolean
  readonly positions: (typeof positionKinds)[number]
  /** Whether the tokens before the patches have positions too, as in the paper, or are prepended after these are added (DeiT III). */
  readonly prefixPositions: boolean
  /** Whether a LayerNorm stands before the blocks, in place of the patches' bias (CLIP, Radford et al., 2021). */
  readonly embeddingNorm: boolean
  /** Whether the projections to queries, keys and values have biases. */
  readonly qkvBias: boolean
  /** Whether the projection out of the attention and the layers of the MLPs have biases. */
  readonly projBias: boolean
  /** Whether queries and keys are normed, head by head ("Scaling Vision Transformers to 22 Billion Parameters", Dehghani et al., 2023). */
  readonly qkNorm: boolean
  /** What the factors start from by which each branch is scaled, channel by channel (LayerScale, Touvron et al., 2021); null for none. */
  readonly layerScale: number | null
  readonly activation: Activation
  /** A hidden layer before the logits, `tanh` as in pre-training, `relu` as in small models; null for a linear head. */
  readonly preLogits: { readonly dim: number; readonly activation: PreLogitsActivation } | null
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
  family: "vit",
  imageSize: [224, 224],
  patchSize: [16, 16],
  stem: null,
  channels: 3,
  ...sizes.B,
  gatedMlp: false,
  classes: 1000,
  classToken: true,
  distillationToken: false,
  registers: 0,
  pool: "token",
  poolPrefix: false,
  finalNorm: true,
  normAfterPool: false,
  positions: "learned",
  prefixPositions: true,
  embeddingNorm: false,
  qkvBias: true,
  projBias: true,
  qkNorm: false,
  layerScale: null,
  activation: "gelu",
  preLogits: null,
  dropout: 0,
  attentionDropout: 0,
  stochasticDepth: 0,
  layerNormEpsilon: 1e-6,
}

/**
 * A checked configuration: what is left out is ViT-B/16's at 224². Unless told otherwise, pooling by average or by a
 * learned query drops the class token, and pooling by average norms after the pool, as timm does.
 * @throws VitrineError (config) for a model that cannot exist.
 */
export function vitConfig(fields: Partial<ViTConfig> = {}): ViTConfig {
  const { pool = defaults.pool, finalNorm } = fields
  const classToken = pool === "token" || pool === "token+average"
  const config = { ...defaults, classToken, normAfterPool: pool === "average" && finalNorm !== false, ...fields }
  checkConfig(config)
  return config
}

/** The stems of the published hybrids by what is before and after the size in their names, and their patches. */
const hybrids: Readonly<Record<string, { readonly depths: readonly number[]; readonly patch: number }>> = {
  "R/16": { depths: [], patch: 8 },
  "R26/32": { depths: [2, 2, 2, 2], patch: 1 },
  "R50/16": { depths: [3, 4, 9], patch: 1 },
  "R50/32": { depths: [3, 4, 6, 3], patch: 1 },
}

/**
 * A published variant by its usual name, such as `variant("B/16")`, `variant("Ti/4", { imageSize: [32, 32] })` or, for a
 * hybrid with timm's ε, `variant("R26+S/32")`.
 * @throws VitrineError (config) for a name that is neither SIZE/PATCH nor a hybrid's.
 */
export function vitVariant(name: string, fields: Partial<ViTConfig> = {}): ViTConfig {
  const [, resnet, size, patch] = /^(?:(R\d*)\+)?(?:ViT-)?([A-Za-z]+)\/(\d{1,4})$/.exec(name) ?? []
  const hybrid = resnet === undefined ? undefined : `${resnet}/${patch}`
  if (size === undefined || patch === undefined || !Object.hasOwn(sizes, size)) {
    const known = Object.keys(sizes).join(", ")
    throw new VitrineError("config", `no variant "${name}": write SIZE/PATCH, as in "B/16", with a size of ${known}`)
  }
  const shape = sizes[size as keyof typeof sizes]
  if (hybrid === undefined) return vitConfig({ ...shape, patchSize: [Number(patch), Number(patch)], ...fields })
  if (!Object.hasOwn(hybrids, hybrid)) {
    const known = Object.keys(hybrids).map((each) => `"${each.replace("/", `+${size}/`)}"`)
    throw new VitrineError("config", `no variant "${name}": hybrids are ${known.join(", ")}`)
  }
  const { depths, patch: side } = hybrids[hybrid] as (typeof hybrids)[string]
  const stem = { width: 64, depths, groups: 32, numerics: "timm" } as const
  return vitConfig({ ...shape, stem, patchSize: [side, side], ...fields })
}

/** The smallest and the largest value of each count. Larger ones are a mistake or an attack. */
export const vitRanges = {
  imageSize: [1, 16384],
  patchSize: [1, 16384],
  channels: [1, 1024],
  dim: [1, 65536],
  depth: [1, 1024],
  heads: [1, 1024],
  mlpDim: [1, 1048576],
  registers: [0, 1024],
  classes: [0, 4194304],
} as const

/** The same for a stem; `depths` is for each stage. */
export const stemRanges = { width: [1, 65536], groups: [1, 65536], depths: [1, 1024], stages: [0, 8] } as const

const maxTokens = 1 << 20

/** The fields of a ViTConfig that are true or false. */
export const vitFlags = [
  "gatedMlp",
  "classToken",
  "distillationToken",
  "poolPrefix",
  "finalNorm",
  "normAfterPool",
  "prefixPositions",
  "embeddingNorm",
  "qkvBias",
  "projBias",
  "qkNorm",
] as const

/** A value as a message shows it: text in quotes, and NaN as NaN. */
const told = (value: unknown): string => (typeof value === "number" ? String(value) : JSON.stringify(value))

function checkConfig(config: ViTConfig): void {
  const fail = (message: string): never => {
    throw new VitrineError("config", message)
  }
  const count = (field: string, value: unknown, [least, most]: readonly [number, number]): void => {
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
      fail(`${field} must be an integer from ${least} to ${most}, got ${told(value)}`)
  }
  const oneOf = (field: string, value: unknown, allowed: readonly unknown[]): void => {
    if (!allowed.includes(value)) fail(`${field} must be one of ${allowed.join(", ")}, got ${JSON.stringify(value)}`)
  }
  for (const field of ["imageSize", "patchSize"] as const) {
    const pair = config[field]
    if (!Array.isArray(pair) || pair.length !== 2) fail(`${field} must be [height, width], got ${JSON.stringify(pair)}`)
    for (const side of pair) count(field, side, vitRanges[field])
  }
  for (const field of ["channels", "dim", "depth", "heads", "mlpDim", "classes", "registers"] as const)
    count(field, config[field], vitRanges[field])
  if (config.dim % config.heads !== 0)
    fail(`heads must divide dim, but ${config.heads} heads do not divide a width of ${config.dim}`)
  const { stem } = config
  if (stem !== null) {
    if (typeof stem !== "object" || Array.isArray(stem)) fail(`stem must be an object or null, got ${told(stem)}`)
    count("stem.width", stem.width, stemRanges.width)
    count("stem.groups", stem.groups, stemRanges.groups)
    if (!Array.isArray(stem.depths) || stem.depths.length > stemRanges.stages[1])
      fail(`stem.depths must be a list of up to ${stemRanges.stages[1]} stages, got ${told(stem.depths)}`)
    for (const depth of stem.depths) count("stem.depths", depth, stemRanges.depths)
    if (stem.width % stem.groups !== 0)
      fail(`stem.groups must divide stem.width, but ${stem.groups} do not divide ${stem.width}`)
    oneOf("stem.numerics", stem.numerics, stemNumerics)
  }
  const [height, width] = cutSize(config)
  const [patchHeight, patchWidth] = config.patchSize
  if (height % patchHeight !== 0 || width % patchWidth !== 0)
    fail(`patches of ${patchHeight}×${patchWidth} do not divide ${stem ? "features" : "images"} of ${height}×${width}`)
  if ((height / patchHeight) * (width / patchWidth) > maxTokens)
    fail(
      `${height}×${width} ${stem ? "features" : "images"} in ${patchHeight}×${patchWidth} patches make more than ${maxTokens} tokens`,
    )
  oneOf("pool", config.pool, pools)
  oneOf("positions", config.positions, positionKinds)
  oneOf("activation", config.activation, activationNames)
  oneOf("family", config.family, ["vit"])
  for (const field of vitFlags) oneOf(field, config[field], [true, false])
  if (config.pool.startsWith("token") && !config.classToken)
    fail(`pool "${config.pool}" needs a class token, but classToken is false`)
  if (config.normAfterPool && !config.finalNorm) fail("normAfterPool is true, but finalNorm is false")
  if (config.distillationToken && (config.pool !== "token" || config.normAfterPool || config.preLogits !== null))
    fail(`a distillation token needs pool "token", the final norm before it and linear heads`)
  const { layerScale } = config
  if (!(layerScale === null || (typeof layerScale === "number" && Number.isFinite(layerScale))))
    fail(`layerScale must be a number or null, got ${told(layerScale)}`)
  if (config.positions === "sincos2d" && config.dim % 4 !== 0)
    fail(`sincos2d positions need a width divisible by 4, got ${config.dim}`)
  if (config.preLogits !== null) {
    count("preLogits.dim", config.preLogits?.dim, vitRanges.dim)
    oneOf("preLogits.activation", config.preLogits?.activation, rowNames(preLogitsActivations))
  }
  for (const field of ["dropout", "attentionDropout", "stochasticDepth"] as const)
    if (!(typeof config[field] === "number" && config[field] >= 0 && config[field] < 1))
      fail(`${field} must be in [0, 1), got ${told(config[field])}`)
  const { layerNormEpsilon: epsilon } = config
  if (!(typeof epsilon === "number" && epsilon > 0 && epsilon < 1))
    fail(`layerNormEpsilon must be in (0, 1), got ${told(epsilon)}`)
}

/** Channels of a stem's features, after one of its stages; its last stage unless told. */
export function stemWidth({ width, depths }: StemConfig, stage: number = depths.length - 1): number {
  return stage < 0 ? width : 4 * width * 2 ** stage
}

/** By what a stem divides height and width, which are rounded up at each of its steps. */
export function stemStride({ depths }: StemConfig): number {
  return 4 * 2 ** Math.max(depths.length - 1, 0)
}

/** Height and width of what is cut into patches: the image, or the stem's features. */
function cutSize({
  imageSize: [height, width],
  stem,
}: Pick<ViTConfig, "imageSize" | "stem">): readonly [height: number, width: number] {
  const stride = stem === null ? 1 : stemStride(stem)
  return [Math.ceil(height / stride), Math.ceil(width / stride)]
}

/** Channels of what is cut into patches. */
export function cutChannels({ channels, stem }: Pick<ViTConfig, "channels" | "stem">): number {
  return stem === null ? channels : stemWidth(stem)
}

/** The name of the layer that reads the image. */
export function firstConvolution({ stem }: Pick<ViTConfig, "stem">): string {
  if (stem === null) return "patch_embed.proj"
  // timm has no name for a stem without stages.
  return stem.depths.length === 0 ? "patch_embed.backbone.conv" : "patch_embed.backbone.stem.conv"
}

/** Patches down and across. */
export function patchGrid(
  config: Pick<ViTConfig, "imageSize" | "patchSize" | "stem">,
): readonly [rows: number, columns: number] {
  const [height, width] = cutSize(config)
  return [height / config.patchSize[0], width / config.patchSize[1]]
}

/** Height and width in pixels of an image's part that stands for a patch; of a hybrid's patches, who see more, their distance. */
export function patchPixels(config: ViTConfig): readonly [height: number, width: number] {
  const [rows, columns] = patchGrid(config)
  return [config.imageSize[0] / rows, config.imageSize[1] / columns]
}

/** Tokens before the patches: class token, distillation token and registers, in this order. */
export function prefixTokens({
  classToken,
  distillationToken,
  registers,
}: Pick<ViTConfig, "classToken" | "distillationToken" | "registers">): number {
  return Number(classToken) + Number(distillationToken) + registers
}

/** Length of the sequence that the blocks see: the patches and the tokens before them. */
export function tokenCount(config: ViTConfig): number {
  const [rows, columns] = patchGrid(config)
  return prefixTokens(config) + rows * columns
}

/** Rows of the table of positions before those of the patches. */
export function prefixPositionCount(config: ViTConfig): number {
  return config.prefixPositions ? prefixTokens(config) : 0
}
