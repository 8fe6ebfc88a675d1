// The names of parameters are timm's, so its weights load without a mapping. Images and features are [batch, height,
// width, channels].
import { fixed, groupNorm, ops, type Scope, standardizedConv, type Tensor } from "@vitrine/core"
import { type BiTConfig, stagesOf } from "./config.ts"

/** BiT's ResNet-v2: images `[batch, height, width, channels]` → logits `[batch, classes]`, or the pooled features. */
export function bit(scope: Scope, images: Tensor, config: BiTConfig): Tensor {
  const x = bitFeatures(scope, images, config)
  const pooled = scope.tap("pooled", ops.mean(x, [1, 2])) // [batch, width]
  return config.classes === 0 ? pooled : scope.tap("logits", head(scope.at("head.fc"), pooled, config.classes))
}

/**
 * Images → features after the last norm and ReLU, `[batch, height / 2^(stages + 1), width / 2^(stages + 1), last
 * width]`, rounded up.
 */
export function bitFeatures(scope: Scope, images: Tensor, config: BiTConfig): Tensor {
  let x = scope.tap("stem", stem(scope.at("stem"), images, config))
  for (const [stage, { width, middle, depth }] of stagesOf(config).entries())
    for (let i = 0; i < depth; i++) {
      const name = `stages.${stage}.blocks.${i}`
      x = scope.tap(name, block(scope.at(name), x, [middle, width], stage > 0 && i === 0 ? 2 : 1, i === 0, config))
    }
  return scope.tap("norm", normRelu(scope.at("norm"), x, config))
}

/** The root: a 7×7 convolution of stride 2 and a 3×3 max pool of stride 2. */
function stem(scope: Scope, images: Tensor, config: BiTConfig): Tensor {
  const x = scope.tap("conv", conv(scope.at("conv"), images, config.stemWidth, 7, 2, config))
  const [y] = ops.maxPool2d(x, [3, 3], { strides: [2, 2], padding: [1, 1, 1, 1] })
  // BiT pads its pool with zeros that count in the maximum. So the maximum at the border is max(y, 0), which is
  // computed as y + max(−y, 0). `pad` would be wrong: ONNX Runtime turns zeros before a pool into the pool's padding,
  // which does not count.
  return ops.add(y, ops.mul(ops.relu(ops.neg(y)), atBorder(x)))
}

/** 1 where the pool's window crosses the border, otherwise 0: `[1, rows, columns, 1]`. */
function atBorder({ shape }: Tensor): Tensor {
  const [height, width] = [fixed(shape, 1), fixed(shape, 2)]
  const [rows, columns] = [Math.ceil(height / 2), Math.ceil(width / 2)]
  const reaches = (at: number, length: number): boolean => at === 0 || 2 * at + 1 === length
  const places = Float32Array.from({ length: rows * columns }, (_, at) =>
    Number(reaches(Math.floor(at / columns), height) || reaches(at % columns, width)),
  )
  return ops.constant(places, [1, rows, columns, 1])
}

/** A pre-activation bottleneck (He et al., 2016). The 3×3 convolution has the stride. */
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
  const inner = convolved("conv2", norm("norm2", narrow), middle, 3, stride)
  return ops.add(convolved("conv3", norm("norm3", inner), width, 1), shortcut)
}

function normRelu(scope: Scope, x: Tensor, { groups, groupNormEpsilon }: BiTConfig): Tensor {
  return ops.relu(groupNorm(scope, x, groups, groupNormEpsilon))
}

/** A standardised convolution. Its padding keeps the size if the stride is 1. */
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

/** The head. Its weights are stored as a 1×1 convolution, `[classes, width, 1, 1]`. */
function head(scope: Scope, pooled: Tensor, classes: number): Tensor {
  const width = fixed(pooled.shape, 1)
  const weight = scope.param("weight", [classes, width, 1, 1], "head")
  return ops.linear(pooled, ops.reshape(weight, [classes, width]), scope.param("bias", [classes], "bias"))
}
