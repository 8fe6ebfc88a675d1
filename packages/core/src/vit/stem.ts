// The first layers of a ResNet. A hybrid cuts their features into patches (Dosovitskiy et al., 2021, section 3.1), as
// in models_resnet.py of google-research/vision_transformer. Parameters have timm's names.
import { type Deviation, maxPoolSame, standardizedConv } from "../nn/convolution.ts"
import { groupNorm } from "../nn/layers.ts"
import type { Scope } from "../nn/scope.ts"
import { relu } from "../tensor/fused.ts"
import { add } from "../tensor/ops.ts"
import { fixed } from "../tensor/shape.ts"
import type { Tensor } from "../tensor/tensor.ts"
import type { StemConfig } from "./config.ts"
import { stemRoot, stemWidth } from "./geometry.ts"

/** The ε of standardised kernels and of group norms. Google's code and timm have different ones. */
const numerics: Readonly<Record<StemConfig["numerics"], { kernels: Deviation; groupNorm: number }>> = {
  google: { kernels: { epsilon: 1e-5, outside: true }, groupNorm: 1e-6 },
  timm: { kernels: { epsilon: 1e-8, outside: false }, groupNorm: 1e-5 },
}

/**
 * Images `[batch, H, W, C]` → features `[batch, rows, columns, channels]`. `stemStride` and `stemWidth` give the sizes.
 */
export function stemFeatures(scope: Scope, images: Tensor, stem: StemConfig): Tensor {
  const { width, depths } = stem
  // timm has no name for a root without stages.
  const root = depths.length === 0 ? scope : scope.at("stem")
  const x = relu(norm(root, "norm", conv(root, "conv", images, width, stemRoot(stem), stem), stem))
  let y = scope.tap("root", maxPoolSame(x, 3, 2))
  for (const [stage, depth] of depths.entries())
    for (let i = 0; i < depth; i++) {
      const name = `stages.${stage}.blocks.${i}`
      y = scope.tap(name, bottleneck(scope.at(name), y, stemWidth(stem, stage), stage > 0 && i === 0 ? 2 : 1, stem))
    }
  return y
}

/** A bottleneck in which norms follow the convolutions, and the 3×3 convolution has the stride (ResNet v1.5). */
function bottleneck(scope: Scope, x: Tensor, width: number, stride: number, stem: StemConfig): Tensor {
  const projects = stride > 1 || fixed(x.shape, 3) !== width
  const down = scope.at("downsample")
  const shortcut = projects ? norm(down, "norm", conv(down, "conv", x, width, { stride }, stem), stem) : x
  const narrow = relu(norm(scope, "norm1", conv(scope, "conv1", x, width / 4, {}, stem), stem))
  const middle = relu(norm(scope, "norm2", conv(scope, "conv2", narrow, width / 4, { size: 3, stride }, stem), stem))
  return relu(add(norm(scope, "norm3", conv(scope, "conv3", middle, width, {}, stem), stem), shortcut))
}

function conv(
  scope: Scope,
  name: string,
  x: Tensor,
  outputs: number,
  { size = 1, stride = 1 }: { readonly size?: number; readonly stride?: number },
  stem: StemConfig,
): Tensor {
  const deviation = numerics[stem.numerics].kernels
  return standardizedConv(scope.at(name), x, { outputs, size, stride, padding: "same", deviation })
}

const norm = (scope: Scope, name: string, x: Tensor, stem: StemConfig): Tensor =>
  groupNorm(scope.at(name), x, stem.groups, numerics[stem.numerics].groupNorm)
