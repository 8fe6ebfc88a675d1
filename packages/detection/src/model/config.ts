import { checkFields, type Field, hasRow, showValue, VitrineError } from "@vitrine/core"
import { resnetConfig } from "@vitrine/resnet"
import { type Backbone, backboneGrid, backbones, checkedBackbone } from "./backbones.ts"

/** A detector of "End-to-End Object Detection with Transformers" (Carion et al., 2020). */
export interface DetrConfig {
  readonly backbone: Backbone
  /** Classes of objects. There is one logit more, the last, for no object. */
  readonly classes: number
  /** Learned object queries: the most objects that are detected in an image. */
  readonly queries: number
  /** Width of the tokens; a multiple of 4, half of it for the positions along each axis. */
  readonly dim: number
  /** Heads of every attention; they divide `dim`. */
  readonly heads: number
  readonly encoderDepth: number
  readonly decoderDepth: number
  /** Width of the hidden layer of each feed-forward network. */
  readonly mlpDim: number
  /** Whether norms stand before each branch and not after each sum; the encoder then ends with a norm too. */
  readonly normFirst: boolean
  /**
   * Whether each layer of the decoder reads the normed output of the layer before, and the last output is normed twice, as in
   * transformers' models with `auxiliary_loss`. In DETR the norm is for the answers alone.
   */
  readonly chainedNorm: boolean
  /** Rate of dropout, of attention weights too. */
  readonly dropout: number
}

const integer = (from: number, to: number): Field => ({ kind: "number", integer: true, from, to })

/** The kind and bounds of each field, but for the backbone. Larger counts are a mistake or an attack. */
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
 * A checked configuration. The default is DETR's with ResNet-50 for COCO's 91 classes.
 * @throws VitrineError (config) for a model that cannot exist
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

/** Colour channels of the images. */
export function detrChannels({ backbone }: DetrConfig): number {
  return backbone.config.channels
}

/**
 * Rows and columns of the features of images of a size.
 * @throws VitrineError (shape) for a size that the backbone does not take
 */
export function featureGrid({ backbone }: DetrConfig, imageSize: readonly [number, number]): readonly [number, number] {
  return backboneGrid(backbone, imageSize)
}
