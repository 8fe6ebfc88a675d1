import {
  dimAt,
  initializeViT,
  type Key,
  ops,
  type Parameter,
  patchEmbedding,
  patchFeatures,
  patchGrid,
  type Scope,
  type Tensor,
  type ViTConfig,
  VitrineError,
  vitConfig,
  vitEncoder,
} from "@vitrine/core"
import { initializeResNet, type ResNetConfig, resnetConfig, resnetFeatures, resnetStride } from "@vitrine/resnet"

/** The configurations of the backbones by their kinds. */
interface BackboneConfigs {
  resnet: ResNetConfig
  vit: ViTConfig
}

export type BackboneKind = keyof BackboneConfigs

/** A backbone of one of the kinds. */
type BackboneOf<K extends BackboneKind> = {
  readonly [P in K]: { readonly kind: P; readonly config: BackboneConfigs[P] }
}[K]

/**
 * A model that computes features of images. A ResNet accepts images of any size. A Vision Transformer computes one
 * feature vector for each patch.
 */
export type Backbone = BackboneOf<BackboneKind>

type Size = readonly [height: number, width: number]

/** A kind of backbone. */
interface BackboneRow<C> {
  /** The name of the kind in texts. */
  readonly name: string
  /** @throws VitrineError (config) for an impossible configuration */
  readonly check: (fields: Partial<C>) => C
  /** The only image size that the backbone accepts, or undefined if it accepts any. */
  readonly imageSize: (config: C) => Size | undefined
  /** Rows and columns of the features, for images of a size. */
  readonly grid: (config: C, imageSize: Size) => Size
  /** Images `[batch, height, width, channels]` → features `[batch, rows, columns, width]`. */
  readonly features: (scope: Scope, images: Tensor, config: C) => Tensor
  /** Starting values of the parameters, by name. */
  readonly initialize: (parameters: readonly Parameter[], config: C, key: Key) => Record<string, Float32Array>
}

/** All kinds of backbones. */
export const backbones: { readonly [K in BackboneKind]: BackboneRow<BackboneConfigs[K]> } = {
  resnet: {
    name: "ResNet",
    check: resnetConfig,
    imageSize: () => undefined,
    grid(config, [height, width]) {
      const stride = resnetStride(config)
      return [Math.ceil(height / stride), Math.ceil(width / stride)]
    },
    features: resnetFeatures,
    initialize: (parameters, _, key) => initializeResNet(parameters, key),
  },
  vit: {
    name: "ViT",
    check: (fields) => vitConfig({ ...fields, classes: 0 }),
    imageSize: ({ imageSize }) => imageSize,
    grid: patchGrid,
    features(scope, images, config) {
      const tokens = vitEncoder(scope, patchEmbedding(scope.at("patch_embed"), images, config), config)
      const shape = [dimAt(images.shape, 0), ...patchGrid(config), config.dim]
      return ops.reshape(patchFeatures(scope, tokens, config), shape)
    },
    initialize: (parameters, config, key) => initializeViT(parameters, config, "fan", key),
  },
}

/** The name of a backbone in texts. */
export const backboneName = ({ kind }: Backbone): string => backbones[kind].name

/** The only image size that a backbone accepts, or undefined if it accepts any. */
export function backboneImageSize<K extends BackboneKind>({ kind, config }: BackboneOf<K>): Size | undefined {
  return backbones[kind].imageSize(config)
}

/** @throws VitrineError (config) for an impossible configuration */
export function checkedBackbone<K extends BackboneKind>({ kind, config }: BackboneOf<K>): BackboneOf<K> {
  return { kind, config: backbones[kind].check(config) }
}

/**
 * Rows and columns of a backbone's features, for images of a size.
 * @throws VitrineError (shape) for a size that the backbone does not accept
 */
export function backboneGrid<K extends BackboneKind>({ kind, config }: BackboneOf<K>, imageSize: Size): Size {
  const only = backbones[kind].imageSize(config)
  if (only !== undefined && (only[0] !== imageSize[0] || only[1] !== imageSize[1]))
    throw new VitrineError("shape", `the backbone takes images of ${only.join("×")}, got ${imageSize.join("×")}`)
  return backbones[kind].grid(config, imageSize)
}

/** Images `[batch, height, width, channels]` → features `[batch, rows, columns, width]`. */
export function backboneFeatures<K extends BackboneKind>(
  scope: Scope,
  images: Tensor,
  { kind, config }: BackboneOf<K>,
): Tensor {
  return backbones[kind].features(scope, images, config)
}

/** Starting values of a backbone's parameters by name. */
export function initializeBackbone<K extends BackboneKind>(
  parameters: readonly Parameter[],
  { kind, config }: BackboneOf<K>,
  key: Key,
): Record<string, Float32Array> {
  return backbones[kind].initialize(parameters, config, key)
}
