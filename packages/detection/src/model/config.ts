import { patchGrid, type ViTConfig, VitrineError, vitConfig } from "@vitrine/core"
import { type ResNetConfig, resnetConfig } from "@vitrine/resnet"

/** What makes features of images: a ResNet, for images of any size, or a Vision Transformer, whose patches are the places. */
export type Backbone =
  | { readonly kind: "resnet"; readonly config: ResNetConfig }
  | { readonly kind: "vit"; readonly config: ViTConfig }

/** A detector of "End-to-End Object Detection with Transformers" (Carion et al., 2020). */
export interface DetrConfig {
  readonly backbone: Backbone
  /** Classes of objects; there is one logit more, the last, for no object. */
  readonly classes: number
  /** Learned object queries: the most objects that are found in an image. */
  readonly queries: number
  /** Width of the tokens; a multiple of 4, half of it for the positions along each axis. */
  readonly dim: number
  /** Heads of every attention; they divide `dim`. */
  readonly heads: number
  readonly encoderDepth: number
  readonly decoderDepth: number
  /** Width of the hidden layer between the two of each feed-forward. */
  readonly mlpDim: number
  /** Whether norms stand before what they prepare instead of after each sum; the encoder then ends with one too. */
  readonly normFirst: boolean
  /**
   * Whether each layer of the decoder goes on from what the last norm makes of the one before, and that norm is applied to
   * the last layer twice: so transformers computes models with `auxiliary_loss`. In DETR the norm is for the answers alone.
   */
  readonly chainedNorm: boolean
  /** Rate of dropout, of attention weights too. */
  readonly dropout: number
}

/** Largest counts that are taken for a model and not for a mistake or an attack. */
const limits = { classes: 1 << 20, queries: 1 << 16, dim: 1 << 16, depth: 1024, mlpDim: 1 << 20 }

/**
 * A checked configuration: what is left out is DETR's with ResNet-50 for COCO's 91 classes.
 * @throws VitrineError (config) for a model that cannot exist.
 */
export function detrConfig(fields: Partial<DetrConfig> = {}): DetrConfig {
  const config: DetrConfig = {
    backbone: { kind: "resnet", config: resnetConfig() },
    classes: 91,
    queries: 100,
    dim: 256,
    heads: 8,
    encoderDepth: 6,
    decoderDepth: 6,
    mlpDim: 2048,
    normFirst: false,
    chainedNorm: false,
    dropout: 0.1,
    ...fields,
  }
  const fail = (message: string): never => {
    throw new VitrineError("config", message)
  }
  const count = (field: keyof DetrConfig, least: number, most: number): void => {
    const value = config[field]
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
      fail(`${field} must be an integer from ${least} to ${most}, got ${JSON.stringify(value)}`)
  }
  count("classes", 1, limits.classes)
  count("queries", 1, limits.queries)
  count("dim", 4, limits.dim)
  count("heads", 1, limits.dim)
  count("encoderDepth", 0, limits.depth)
  count("decoderDepth", 1, limits.depth)
  count("mlpDim", 1, limits.mlpDim)
  const { backbone, dim, heads, dropout } = config
  if (dim % 4 !== 0) fail(`dim must be a multiple of 4, sines and cosines along two axes, got ${dim}`)
  if (dim % heads !== 0) fail(`heads must divide dim, but ${heads} do not divide ${dim}`)
  for (const field of ["normFirst", "chainedNorm"] as const)
    if (typeof config[field] !== "boolean") fail(`${field} must be true or false, got ${JSON.stringify(config[field])}`)
  if (!(dropout >= 0 && dropout < 1)) fail(`dropout must be in [0, 1), got ${dropout}`)
  switch (backbone?.kind) {
    case "resnet":
      return { ...config, backbone: { kind: "resnet", config: resnetConfig(backbone.config) } }
    case "vit":
      return { ...config, backbone: { kind: "vit", config: vitConfig({ ...backbone.config, classes: 0 }) } }
    default:
      return fail(
        `backbone.kind must be resnet or vit, got ${JSON.stringify((backbone as Backbone | undefined)?.kind)}`,
      )
  }
}

/** Colour channels of the images. */
export function detrChannels({ backbone }: DetrConfig): number {
  return backbone.config.channels
}

/**
 * Rows and columns of the features of images of a size.
 * @throws VitrineError (shape) for a size that the backbone does not take.
 */
export function featureGrid({ backbone }: DetrConfig, imageSize: readonly [number, number]): readonly [number, number] {
  if (backbone.kind === "vit") {
    const own = backbone.config.imageSize
    if (own[0] !== imageSize[0] || own[1] !== imageSize[1])
      throw new VitrineError("shape", `the backbone takes images of ${own.join("×")}, got ${imageSize.join("×")}`)
    return patchGrid(backbone.config)
  }
  // Every halving rounds up: of the root convolution, of its pool and of the stages.
  const { widths, dilated } = backbone.config
  const halvings = widths.length + 1 - (dilated && widths.length > 1 ? 1 : 0)
  const halved = (side: number): number => {
    let length = side
    for (let i = 0; i < halvings; i++) length = Math.ceil(length / 2)
    return length
  }
  return [halved(imageSize[0]), halved(imageSize[1])]
}
