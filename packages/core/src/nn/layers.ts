import { VitrineError } from "../errors.ts"
import * as fused from "../tensor/fused.ts"
import { add, div, mean, mul, sqrt } from "../tensor/ops.ts"
import { fixed } from "../tensor/shape.ts"
import type { Tensor } from "../tensor/tensor.ts"
import type { Role, Scope } from "./scope.ts"

/** Options of a linear layer. */
export interface LinearOptions {
  /** The role of the matrix; "linear" by default. */
  readonly role?: Role
  /** Whether there is a bias; true by default. */
  readonly bias?: boolean
}

/** `x weightᵀ + bias`: x `[…, in]` → `[…, outputs]`. */
export function linear(
  scope: Scope,
  x: Tensor,
  outputs: number,
  { role = "linear", bias = true }: LinearOptions = {},
): Tensor {
  const weight = scope.param("weight", [outputs, fixed(x.shape, -1)], role)
  return fused.linear(x, weight, bias ? scope.param("bias", [outputs], "bias") : undefined)
}

/** LayerNorm over the last axis. */
export function layerNorm(scope: Scope, x: Tensor, epsilon: number): Tensor {
  const dim = fixed(x.shape, -1)
  return fused.layerNorm(x, scope.param("weight", [dim], "scale"), scope.param("bias", [dim], "bias"), epsilon).y
}

/** RMSNorm over the last axis (Zhang and Sennrich, 2019): x divided by its root mean square, and scaled. */
export function rmsNorm(scope: Scope, x: Tensor, epsilon: number): Tensor {
  const dim = fixed(x.shape, -1)
  const square = mean(mul(x, x), [-1], true)
  return mul(div(x, sqrt(add(square, epsilon))), scope.param("weight", [dim], "scale"))
}

type Norm = (scope: Scope, x: Tensor, epsilon: number) => Tensor

/** The norms of tokens. */
export const norms: Readonly<Record<"layer" | "rms", Norm>> = { layer: layerNorm, rms: rmsNorm }

/**
 * Group norm (Wu and He, 2018) of images: x `[batch, height, width, channels]` → the same shape.
 * @throws VitrineError (shape) where the groups do not divide the channels.
 */
export function groupNorm(scope: Scope, x: Tensor, groups: number, epsilon: number): Tensor {
  const channels = fixed(x.shape, -1)
  if (channels % groups !== 0)
    throw new VitrineError("shape", `${scope.path}: ${groups} groups do not divide ${channels} channels`)
  const [weight, bias] = [scope.param("weight", [channels], "scale"), scope.param("bias", [channels], "bias")]
  return fused.groupNorm(x, weight, bias, groups, epsilon).y
}
