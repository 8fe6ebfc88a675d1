// Names of parameters are timm's, so that weights need no map. Images and features are [batch, height, width, channels].
import { groupNorm, ops, type Scope, standardizedConv, type Tensor } from "@vitrine/core"
import { type BiTConfig, middleOf } from "./config.ts"

/** BiT's ResNet-v2: images `[batch, height, width, channels]` → logits `[batch, classes]`, or the pooled features. */
export function bit(scope: Scope, images: Tensor, config: BiTConfig): Tensor {
  const x = bitFeatures(scope, images, config)
  const pooled = scope.tap("pooled", ops.mean(x, [1, 2])) // [batch, width]
  return config.classes === 0 ? pooled : scope.tap("logits", head(scope.at("head.fc"), pooled, config.classes))
}

/** What the stages make of images, normed and through ReLU: `[batch, height / 2^(stages + 1), …, last width]`, rounded up. */
export function bitFeatures(scope: Scope, images: Tensor, config: BiTConfig): Tensor {
  let x = scope.tap("stem", stem(scope.at("stem"), images, config))
  for (const [stage, width] of config.widths.entries()) {
    const widths = [middleOf(config, stage), width] as const
    for (let i = 0; i < (config.depths[stage] as number); i++) {
      const name = `stages.${stage}.blocks.${i}`
      x = scope.tap(name, block(scope.at(name), x, widths, stage > 0 && i === 0 ? 2 : 1, i === 0, config))
    }
  }
  return scope.tap("norm", normRelu(scope.at("norm"), x, config))
}

/** The root: a 7×7 convolution of stride 2 and a 3×3 max pool of stride 2. */
function stem(scope: Scope, images: Tensor, config: BiTConfig): Tensor {
  const x = scope.tap("conv", conv(scope.at("conv"), images, config.stemWidth, 7, 2, config))
  const [y] = ops.maxPool2d(x, [3, 3], { strides: [2, 2], padding: [1, 1, 1, 1] })
  // The border is of zeros that can be the largest, as BiT has it, and not left out of the maximum: max(y, 0) there, as
  // y + max(−y, 0). Not by `pad`: ONNX Runtime makes zeros before a pool its padding, which is left out.
  return ops.add(y, ops.mul(ops.relu(ops.neg(y)), atBorder(x)))
}

/** 1 where a window of the pool reaches over the border, else 0: `[1, rows, columns, 1]`. */
function atBorder({ shape: [, height, width] }: Tensor): Tensor {
  const reaches = (at: number, length: number): boolean => at === 0 || 2 * at + 1 === length
  const [rows, columns] = [height, width].map((length) => Math.ceil((length as number) / 2)) as [number, number]
  const places = Float32Array.from({ length: rows * columns }, (_, at) =>
    Number(reaches(Math.floor(at / columns), height as number) || reaches(at % columns, width as number)),
  )
  return ops.constant(places, [1, rows, columns, 1])
}

/** A pre-activation bottleneck (He et al., 2016) with its stride at the 3×3 convolution. */
function block(
  scope: Scope,
  x: Tensor,
  [middle, width]: readonly [number, number],
  stride: number,
  first: boolean,
  config: BiTConfig,
): Tensor {
  const convolved = (name: string, t: Tensor, outputs: number, size: number, step = 1): Tensor =>
    conv(scope.at(name), t, outputs, size, step, config)
  const norm = (name: string, t: Tensor): Tensor => normRelu(scope.at(name), t, config)
  const activated = norm("norm1", x)
  const shortcut = first ? convolved("downsample.conv", activated, width, 1, stride) : x
  const narrow = convolved("conv1", activated, middle, 1)
  const seen = convolved("conv2", norm("norm2", narrow), middle, 3, stride)
  return ops.add(convolved("conv3", norm("norm3", seen), width, 1), shortcut)
}

function normRelu(scope: Scope, x: Tensor, { groups, groupNormEpsilon }: BiTConfig): Tensor {
  return ops.relu(groupNorm(scope, x, groups, groupNormEpsilon))
}

/** A standardised convolution, padded so that a stride of 1 keeps the size. */
function conv(
  scope: Scope,
  x: Tensor,
  outputs: number,
  size: number,
  stride: number,
  { weightEpsilon }: BiTConfig,
): Tensor {
  const deviation = { epsilon: weightEpsilon, outside: false }
  return standardizedConv(scope, x, { outputs, size, stride, padding: "centre", deviation })
}

/** The head is stored as a 1×1 convolution, `[classes, width, 1, 1]`. */
function head(scope: Scope, pooled: Tensor, classes: number): Tensor {
  const width = pooled.shape[1] as number
  const weight = scope.param("weight", [classes, width, 1, 1], "head")
  return ops.linear(pooled, ops.reshape(weight, [classes, width]), scope.param("bias", [classes], "bias"))
}
