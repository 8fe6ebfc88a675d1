// The names of parameters are torchvision's, so its weights load without a mapping. Images and features are [batch,
// height, width, channels].
import {
  checkFields,
  type Field,
  fixed,
  foldKey,
  groupNorm,
  hasRow,
  type Key,
  ops,
  type Parameter,
  randomStream,
  type Scope,
  showValue,
  type Tensor,
  VitrineError,
} from "@vitrine/core"

/**
 * A ResNet of "Deep Residual Learning for Image Recognition" (He et al., 2016) without its classifier, as torchvision
 * builds it.
 */
export interface ResNetConfig {
  /** Channels of the images. */
  readonly channels: number
  /** Channels after the root convolution. */
  readonly stemWidth: number
  /**
   * `basic` has two 3×3 convolutions. `bottleneck` has 1×1, 3×3 and 1×1, with a quarter of the channels in the middle.
   */
  readonly block: "basic" | "bottleneck"
  /** Channels of the output of each stage. */
  readonly widths: readonly number[]
  /** The number of blocks of each stage. */
  readonly depths: readonly number[]
  /**
   * `frozen` is a batch norm whose statistics and factors are never trained (`running_mean`, `running_var`). `group` is
   * a group norm, for models that are trained from scratch. Its groups have 8 channels. If 8 does not divide the
   * channels, there is one group.
   */
  readonly norm: "frozen" | "group"
  /** Whether the last stage has a dilation of 2 instead of its stride, as in DETR's DC5. */
  readonly dilated: boolean
}

const width = { kind: "number", integer: true, from: 1, to: 1 << 17 } as const

/** The kind and bounds of each field. */
export const resnetFields: Readonly<Record<keyof ResNetConfig, Field>> = {
  channels: { kind: "number", integer: true, from: 1, to: 1024 },
  stemWidth: width,
  block: { kind: "choice", of: ["basic", "bottleneck"] },
  widths: { kind: "list", of: width },
  depths: { kind: "list", of: { kind: "number", integer: true, from: 1, to: 1024 } },
  norm: { kind: "choice", of: ["frozen", "group"] },
  dilated: { kind: "boolean" },
}

/** ε of every norm. */
const epsilon = 1e-5

const variants = {
  resnet18: { block: "basic", depths: [2, 2, 2, 2], widths: [64, 128, 256, 512] },
  resnet34: { block: "basic", depths: [3, 4, 6, 3], widths: [64, 128, 256, 512] },
  resnet50: { block: "bottleneck", depths: [3, 4, 6, 3], widths: [256, 512, 1024, 2048] },
  resnet101: { block: "bottleneck", depths: [3, 4, 23, 3], widths: [256, 512, 1024, 2048] },
} as const

/**
 * Checks a configuration. The default is ResNet-50.
 * @throws VitrineError (config) for an impossible configuration
 */
export function resnetConfig(fields: Partial<ResNetConfig> = {}): ResNetConfig {
  const base = { channels: 3, stemWidth: 64, norm: "frozen", dilated: false } as const
  const config: ResNetConfig = { ...base, ...variants.resnet50, ...fields }
  const { block, widths, depths, dilated } = config
  const fail = (message: string): never => {
    throw new VitrineError("config", message)
  }
  checkFields(resnetFields, config)
  for (const [field, list] of Object.entries({ widths, depths }))
    if (list.length < 1 || list.length > 16)
      fail(`${field} must have a number for each of 1 to 16 stages, got ${showValue(list)}`)
  if (widths.length !== depths.length)
    fail(`widths tells of ${widths.length} stages, but depths of ${depths.length}: there must be one of each a stage`)
  if (dilated && block === "basic") fail("dilated is for bottleneck blocks, as in torchvision")
  for (const width of widths)
    if (block === "bottleneck" && width % 4 !== 0) fail(`4 must divide the widths of bottleneck blocks, got ${width}`)
  return config
}

/**
 * A variant by torchvision's name: `resnet18`, `resnet34`, `resnet50` or `resnet101`.
 * @throws VitrineError (config) for another name
 */
export function resnetVariant(name: string, fields: Partial<ResNetConfig> = {}): ResNetConfig {
  if (!hasRow(variants, name))
    throw new VitrineError("config", `no variant "${name}": there are ${Object.keys(variants).join(", ")}`)
  return resnetConfig({ ...variants[name], ...fields })
}

/** The distance in pixels between neighbouring places of the features. */
export function resnetStride({ widths, dilated }: ResNetConfig): number {
  // The root convolution, the pool and every stage after the first halve the size. A dilated last stage does not.
  const halvings = widths.length + 1 - (dilated && widths.length > 1 ? 1 : 0)
  return 2 ** halvings
}

/** Images `[batch, height, width, channels]` → features `[batch, height / stride, width / stride, last width]`, rounded up. */
export function resnetFeatures(scope: Scope, images: Tensor, config: ResNetConfig): Tensor {
  const root = { conv: scope.at("conv1"), norm: scope.at("bn1") }
  const stem = ops.relu(layer(root, images, { outputs: config.stemWidth, size: 7, stride: 2 }, config))
  let x = scope.tap("stem", ops.maxPool2d(stem, [3, 3], { strides: [2, 2], padding: [1, 1, 1, 1] })[0])
  for (const [stage, width] of config.widths.entries()) {
    const dilates = config.dilated && stage > 0 && stage === config.widths.length - 1
    for (let i = 0; i < (config.depths[stage] ?? 0); i++) {
      const stride = stage > 0 && i === 0 && !dilates ? 2 : 1
      const at = `layer${stage + 1}.${i}`
      x = scope.tap(at, residual(scope.at(at), x, width, stride, dilates && i > 0 ? 2 : 1, config))
    }
  }
  return x
}

function residual(
  scope: Scope,
  x: Tensor,
  width: number,
  stride: number,
  dilation: number,
  config: ResNetConfig,
): Tensor {
  const conv = (index: number, t: Tensor, kernel: Kernel): Tensor =>
    layer({ conv: scope.at(`conv${index}`), norm: scope.at(`bn${index}`) }, t, kernel, config)
  const narrow = width / 4
  const basic = (): Tensor => {
    const first = ops.relu(conv(1, x, { outputs: width, size: 3, stride, dilation }))
    return conv(2, first, { outputs: width, size: 3, dilation })
  }
  const bottleneck = (): Tensor => {
    const first = ops.relu(conv(1, x, { outputs: narrow, size: 1 }))
    const second = ops.relu(conv(2, first, { outputs: narrow, size: 3, stride, dilation }))
    return conv(3, second, { outputs: width, size: 1 })
  }
  const branch = config.block === "basic" ? basic() : bottleneck()
  const changes = stride !== 1 || x.shape[3] !== width
  const down = { conv: scope.at("downsample.0"), norm: scope.at("downsample.1") }
  const shortcut = changes ? layer(down, x, { outputs: width, size: 1, stride }, config) : x
  return ops.relu(ops.add(branch, shortcut))
}

interface Kernel {
  readonly outputs: number
  readonly size: number
  /** 1 by default. */
  readonly stride?: number
  /** 1 by default. */
  readonly dilation?: number
}

/** A convolution with its norm. The padding keeps the size if the stride is 1. */
function layer(
  scopes: { readonly conv: Scope; readonly norm: Scope },
  x: Tensor,
  { outputs, size, stride = 1, dilation = 1 }: Kernel,
  { norm }: ResNetConfig,
): Tensor {
  const weight = scopes.conv.param("weight", [outputs, fixed(x.shape, 3), size, size], "convolution")
  const border = ((size - 1) / 2) * dilation
  const convolved = (kernels: Tensor): Tensor =>
    ops.conv2d(x, dilation === 1 ? kernels : spread(kernels, dilation), {
      strides: [stride, stride],
      padding: [border, border, border, border],
    })
  if (norm === "group") return groupNorm(scopes.norm, convolved(weight), outputs % 8 === 0 ? outputs / 8 : 1, epsilon)
  const frozen = (name: string): Tensor => scopes.norm.param(name, [outputs], "frozen")
  const factor = ops.div(frozen("weight"), ops.sqrt(ops.add(frozen("running_var"), epsilon)))
  const shift = ops.sub(frozen("bias"), ops.mul(frozen("running_mean"), factor))
  // The factor multiplies the kernels, since they are smaller than the output.
  return ops.add(convolved(ops.mul(weight, ops.reshape(factor, [outputs, 1, 1, 1]))), shift)
}

/** Turns the kernels of a dilated convolution into plain kernels with zeros between the values. */
function spread(weight: Tensor, dilation: number): Tensor {
  const [outputs, inputs, size] = [fixed(weight.shape, 0), fixed(weight.shape, 1), fixed(weight.shape, 2)]
  const padded = (t: Tensor, axis: number): Tensor => ops.pad(t, axis, 0, dilation - 1)
  const cells = padded(padded(ops.reshape(weight, [outputs, inputs, size, 1, size, 1]), 3), 5)
  const wide = ops.reshape(cells, [outputs, inputs, size * dilation, size * dilation])
  const end = (size - 1) * dilation + 1
  return ops.slice(ops.slice(wide, 2, 0, end), 3, 0, end)
}

/**
 * Starting values by name, as in torchvision: convolutions N(0, 2/fan-out), factors and variances 1, biases and means
 * 0. A value depends only on the key and the parameter's name.
 */
export function initializeResNet(parameters: readonly Parameter[], key: Key): Record<string, Float32Array> {
  return Object.fromEntries(
    parameters.map(({ name, shape, role }) => {
      const values = new Float32Array(shape.reduce((n, dim) => n * dim, 1))
      if (role !== "convolution") return [name, values.fill(/\.(weight|running_var)$/.test(name) ? 1 : 0)]
      const [, inputs = 1] = shape
      const std = Math.sqrt((2 * inputs) / values.length)
      const random = randomStream(foldKey(key, name))
      return [name, values.map(() => std * random.normal())]
    }),
  )
}
