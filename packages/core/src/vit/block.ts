import { activate } from "../nn/activations.ts"
import { attendTokens, type AttentionOptions, selfAttention } from "../nn/attention.ts"
import { linear, norms } from "../nn/layers.ts"
import type { Turn } from "../nn/rotary.ts"
import type { Scope } from "../nn/scope.ts"
import { add, mul, slice, split } from "../tensor/ops.ts"
import { dimAt } from "../tensor/shape.ts"
import type { Tensor } from "../tensor/tensor.ts"
import type { ViTConfig } from "./config.ts"
import { rotaryPositions } from "./geometry.ts"

/** The norm of tokens with the names of `scope`. */
export const normed = (scope: Scope, x: Tensor, { norm, layerNormEpsilon }: ViTConfig): Tensor =>
  norms[norm](scope, x, layerNormEpsilon)

/**
 * One block: `[batch, tokens, D]` → the same shape.
 * @param index its place, from 0
 * @param turn the rotations of queries and keys
 */
export function block(scope: Scope, x: Tensor, config: ViTConfig, index: number, turn: Turn | undefined): Tensor {
  const attention = attentionOptions(config, turn)
  const dropPath = dropPathRate(config, index)
  const attend = (at: Scope, t: Tensor): Tensor => selfAttention(at.at("attn"), t, attention)
  const forward = (at: Scope, t: Tensor): Tensor => mlp(at.at("mlp"), t, config)
  const branchOf = (at: Scope, names: BranchNames, t: Tensor, layer: typeof attend): Tensor =>
    branch(at, names, t, (u) => layer(at, u), config, dropPath)
  switch (config.blockKind) {
    case "sequential": {
      // timm's rotary models have another name for the factors.
      const factors = (i: 1 | 2): string => (rotaryPositions(config) === null ? `ls${i}.gamma` : `gamma_${i}`)
      const first: BranchNames = { layer: "attn", norm: "norm1", factors: factors(1) }
      const second: BranchNames = { layer: "mlp", norm: "norm2", factors: factors(2) }
      const y = scope.tap("residual1", add(x, branchOf(scope, first, x, attend))) // eq. 2
      return scope.tap("residual2", add(y, branchOf(scope, second, y, forward))) // eq. 3
    }
    case "paired": {
      const pair = (place: string, layer: string, t: Tensor, compute: typeof attend): Tensor => {
        const member = (i: 0 | 1): Tensor =>
          branchOf(scope.at(`${place}.${i}`), { layer, norm: "norm", factors: "ls.gamma" }, t, compute)
        return add(t, add(member(0), member(1)))
      }
      const y = scope.tap("residual1", pair("attns", "attn", x, attend))
      return scope.tap("residual2", pair("ffns", "mlp", y, forward))
    }
    case "joint":
      return scope.tap(
        "residual2",
        add(x, dropPaths(scope, "drop_path", jointLayers(scope, x, config, attention), dropPath)),
      )
  }
}

/** The names of a layer, its norm and its LayerScale factors. */
interface BranchNames {
  readonly layer: string
  readonly norm: string
  readonly factors: string
}

/** A branch: a layer and its norm, which stands before or behind it. */
function branch(
  scope: Scope,
  { layer: name, norm: normName, factors }: BranchNames,
  x: Tensor,
  layer: (t: Tensor) => Tensor,
  config: ViTConfig,
  dropPath: number,
): Tensor {
  const norm = (t: Tensor): Tensor => scope.tap(normName, normed(scope.at(normName), t, config))
  const dropped = (t: Tensor): Tensor => scope.dropout(`${name}.drop`, layer(t), config.dropout)
  const scaled = layerScale(scope, factors, config.postNorm ? norm(dropped(x)) : dropped(norm(x)), config)
  return dropPaths(scope, `${name}.drop_path`, scaled, dropPath)
}

/**
 * Attention and MLP side by side. They share a norm and the projection of their input ("Scaling Vision Transformers to
 * 22 Billion Parameters", Dehghani et al., 2023).
 */
function jointLayers(scope: Scope, x: Tensor, config: ViTConfig, attention: AttentionOptions): Tensor {
  const { dim, mlpDim, qkvBias, projBias, activation, dropout } = config
  const y = scope.tap("in_norm", normed(scope.at("in_norm"), x, config))
  const projected = linear(scope.at("in_proj"), y, mlpDim + 3 * dim, { bias: qkvBias }) // [batch, tokens, mlpDim + 3 D]
  const part = (start: number, width: number): Tensor => slice(projected, 2, start, start + width)
  const inner = part(0, mlpDim)
  const ofAttention = (i: 0 | 1 | 2): Tensor => part(mlpDim + i * dim, dim)
  const projections = [ofAttention(0), ofAttention(1), ofAttention(2)] as const
  const shifted = qkvBias ? inner : add(inner, scope.param("mlp_bias", [mlpDim], "bias"))
  const hidden = scope.tap("mlp.hidden", activate(shifted, activation)) // [batch, tokens, mlpDim]
  const attended = attendTokens(scope.at("attn"), projections, attention, scope)
  const out = (name: string, t: Tensor): Tensor => linear(scope.at(name), t, dim, { bias: projBias })
  const sum = add(out("attn_out_proj", attended), out("mlp_out_proj", scope.dropout("mlp_drop", hidden, dropout)))
  return layerScale(scope, "ls.gamma", sum, config)
}

/** Scales each channel by a learned factor (LayerScale). */
function layerScale(scope: Scope, name: string, x: Tensor, config: ViTConfig): Tensor {
  return config.layerScale === null ? x : mul(x, scope.param(name, [config.dim], "layerScale"))
}

const dropPaths = (scope: Scope, name: string, x: Tensor, rate: number): Tensor =>
  scope.dropout(name, x, rate, [dimAt(x.shape, 0), 1, 1])

function attentionOptions(config: ViTConfig, turn: Turn | undefined): AttentionOptions {
  const { heads, attentionDropout, layerNormEpsilon, norm, qkvBias, keyBias, splitQkv, projBias } = config
  return {
    heads,
    weightDropout: attentionDropout,
    qkvBias,
    keyBias,
    splitQkv,
    projBias,
    norm,
    qkNormEpsilon: config.qkNorm ? layerNormEpsilon : undefined,
    normEpsilon: config.attentionNorm ? layerNormEpsilon : undefined,
    turn,
  }
}

/** Two linear layers with an activation between them: `[…, D]` → the same shape. */
export function mlp(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  const { activation, dropout, gatedMlp, mlpDim, mlpNorm, projBias: bias } = config
  const inner = (name: string, width: number): Tensor => scope.tap(name, linear(scope.at(name), x, width, { bias }))
  const [gate, value] = config.splitGate
    ? [inner("fc1_g", mlpDim), inner("fc1_x", mlpDim)]
    : gatedMlp
      ? split(inner("fc1", 2 * mlpDim), -1, 2)
      : [inner("fc1", mlpDim)]
  const active = activate(gate, activation)
  const hidden = scope.tap("hidden", value === undefined ? active : mul(active, value)) // […, mlpDim]
  const dropped = scope.dropout("drop1", hidden, dropout)
  const inside = mlpNorm ? normed(scope.at("norm"), dropped, config) : dropped
  return scope.tap("output", linear(scope.at("fc2"), inside, config.dim, { bias }))
}

/** Stochastic depth (Huang et al., 2016). The rate grows linearly from 0 at the first block. */
function dropPathRate({ depth, stochasticDepth }: ViTConfig, index: number): number {
  return depth === 1 ? 0 : (stochasticDepth * index) / (depth - 1)
}
