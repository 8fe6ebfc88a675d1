import * as fused from "../tensor/fused.ts"
import { tanh } from "../tensor/ops.ts"
import { fixed } from "../tensor/shape.ts"
import type { Tensor } from "../tensor/tensor.ts"
import type { Role, Scope } from "./scope.ts"

export type ActivationName = "gelu" | "gelu_tanh" | "relu" | "tanh"

/** `x weightᵀ + bias`: x `[…, in]` → `[…, outputs]`. */
export function linear(scope: Scope, x: Tensor, outputs: number, role: Role = "linear"): Tensor {
  const weight = scope.param("weight", [outputs, fixed(x.shape, -1)], role)
  return fused.linear(x, weight, scope.param("bias", [outputs], "bias"))
}

/** LayerNorm over the last axis. */
export function layerNorm(scope: Scope, x: Tensor, epsilon: number): Tensor {
  const dim = fixed(x.shape, -1)
  return fused.layerNorm(x, scope.param("weight", [dim], "scale"), scope.param("bias", [dim], "bias"), epsilon).y
}

export function activate(x: Tensor, name: ActivationName): Tensor {
  switch (name) {
    case "gelu":
      return fused.gelu(x)
    case "gelu_tanh":
      return fused.gelu(x, { approximate: true })
    case "relu":
      return fused.relu(x)
    case "tanh":
      return tanh(x)
  }
}
