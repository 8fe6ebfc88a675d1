import { checkFields, type Field, hasRow, showValue, VitrineError } from "@vitrine/core"
import { resnetConfig } from "@vitrine/resnet"
import { type Backbone, backboneGrid, backbones, checkedBackbone } from "./backbones.ts"

/** A detector of "End-to-End Object Detection with Transformers" (Carion et al., 2020). */
export interface DetrConfig {
  readonly backbone: Backbone
  /** The number of classes of objects. The logits have one class more, the last, which means no object. */
  readonly classes: number
  /**
   * The number of learned object queries. It is also the greatest number of objects that the model detects in an image.
   */
  readonly queries: number
  /**
   * The width of the tokens. It is a multiple of 4: each axis has half of the width for sines and cosines of its
   * positions.
   */
  readonly dim: number
  /** The number of heads of every attention. It divides `dim`. */
  readonly heads: number
  readonly encoderDepth: number
  readonly decoderDepth: number
  /** Width of the hidden layer of each feed-forward network. */
  readonly mlpDim: number
  /**
   * Whether norms stand before each branch (true) or after each sum (false). With norms before each branch, the encoder
   * also ends with a norm.
   */
  readonly normFirst: boolean
  /**
   * Whether each decoder layer reads the normed output of the layer before. The last output is then normed twice, as in
   * transformers' models with `auxiliary_loss`. In DETR only the predictions read the normed outputs.
   */
  readonly chainedNorm: boolean
  /** The rate of dropout, which also applies to attention weights. */
  readonly dropout: number
}

const integer = (from: number, to: number): Field => ({ kind: "number", integer: true, from, to })

/** The kind and bounds of each field except the backbone. The bounds on counts refuse mistakes and attacks. */
export const detrFields: Readonly<Record<Exclude<keyof DetrConfig, "backbone">, Field>> = {
  classes: integer(1, 1 << 20),
  queries: integer(1, 1 << 16),
  dim: integer(4, 1 << 16),
  heads: integer(1, 1 << 16),
  encoderDepth: integer(0, 1024),
  decoderDepth: integer(1, 1024),
  mlpDim: integer(1, 1 << 20),
  normFirst: { kind: "boolean" },
  chainedNorm: { kind: "boolean" },
  dropout: { kind: "number", from: 0, below: 1 },
}

/**
 * Checks a configuration. The default is DETR with ResNet-50 for COCO's 91 classes.
 * @throws VitrineError (config) for an impossible configuration
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
  checkFields(detrFields, config)
  const { backbone, dim, heads } = config
  if (dim % 4 !== 0)
    throw new VitrineError("config", `dim must be a multiple of 4, sines and cosines along two axes, got ${dim}`)
  if (dim % heads !== 0) throw new VitrineError("config", `heads must divide dim, but ${heads} do not divide ${dim}`)
  const kind: unknown = backbone?.kind
  if (!hasRow(backbones, kind))
    throw new VitrineError(
      "config",
      `backbone.kind must be ${Object.keys(backbones).join(" or ")}, got ${showValue(kind)}`,
    )
  return { ...config, backbone: checkedBackbone(backbone) }
}

/** The number of colour channels of the images. */
export function detrChannels({ backbone }: DetrConfig): number {
  return backbone.config.channels
}

/**
 * Rows and columns of the features, for images of a size.
 * @throws VitrineError (shape) for a size that the backbone does not accept
 */
export function featureGrid({ backbone }: DetrConfig, imageSize: readonly [number, number]): readonly [number, number] {
  return backboneGrid(backbone, imageSize)
}
