// Letters of the paper: H, W, C height, width and channels of an image; P size of a patch; N patches; D width of the
// tokens; L blocks. Names of parameters are timm's, so that weights need no map.
import { selfAttention } from "../nn/attention.ts"
import { activate, layerNorm, linear } from "../nn/layers.ts"
import type { Scope } from "../nn/scope.ts"
import { linear as project, softmax } from "../tensor/fused.ts"
import { add, broadcastTo, concat, mean, reshape, slice, transpose } from "../tensor/ops.ts"
import { fixed } from "../tensor/shape.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { patchGrid, tokenCount, type ViTConfig } from "./config.ts"

/** The Vision Transformer: images `[batch, height, width, channels]` → logits `[batch, classes]`. */
export function vit(scope: Scope, images: Tensor, config: ViTConfig): Tensor {
  let x = patchEmbedding(scope.at("patch_embed"), images, config) // eq. 1, [batch, N, D]
  x = addPositions(scope, prependClassToken(scope, x, config), config) // [batch, tokens, D]
  x = scope.tap("tokens", scope.dropout("pos_drop", x, config.dropout))
  for (let i = 0; i < config.depth; i++) x = block(scope.at(`blocks.${i}`), x, config, dropPathRate(config, i)) // eq. 2, 3
  const y = preLogits(scope.at("pre_logits"), pool(scope, x, config), config) // eq. 4, [batch, D]
  if (config.classes === 0) return y
  const logits = scope.tap("logits", linear(scope.at("head"), y, config.classes, "head")) // [batch, classes]
  if (scope.taps("probabilities")) scope.tap("probabilities", softmax(logits))
  return logits
}

/** Cuts images into patches and embeds each: `[batch, H, W, C]` → `[batch, N, D]`. */
export function patchEmbedding(scope: Scope, images: Tensor, config: ViTConfig): Tensor {
  const [rows, columns] = patchGrid(config)
  const [height, width] = config.patchSize
  const { channels, dim } = config
  const batch = images.shape[0] as number
  const cut = reshape(images, [batch, rows, height, columns, width, channels])
  const patches = scope.tap("patches", transpose(cut, [0, 1, 3, 2, 4, 5])) // [batch, rows, columns, P, P, C]
  const flat = scope.tap("flattened", reshape(patches, [batch, rows * columns, height * width * channels])) // [batch, N, P²C]
  const kernel = scope.at("proj").param("weight", [dim, channels, height, width], "patch")
  const weight = reshape(transpose(kernel, [0, 2, 3, 1]), [dim, height * width * channels]) // [D, P²C]
  return scope.tap("embeddings", project(flat, weight, scope.at("proj").param("bias", [dim], "bias")))
}

/** `[batch, N, D]` → `[batch, 1 + N, D]`, or as it was in a model without a class token. */
function prependClassToken(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  if (!config.classToken) return x
  const token = scope.tap("class_token", scope.param("cls_token", [1, 1, config.dim], "classToken"))
  return concat([broadcastTo(token, x.shape.with(1, 1)), x], 1)
}

function addPositions(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  if (config.positions === "none") return x
  const role = config.positions === "learned" ? "positions" : "fixedPositions"
  return add(x, scope.tap("positions", scope.param("pos_embed", [1, tokenCount(config), config.dim], role)))
}

/** One pre-norm block: `[batch, tokens, D]` → the same shape. */
function block(scope: Scope, x: Tensor, config: ViTConfig, dropPath: number): Tensor {
  const { heads, dropout, attentionDropout, layerNormEpsilon } = config
  const residual = (name: string, branch: Tensor): Tensor => {
    const kept = scope.dropout(`${name}.drop`, branch, dropout)
    return scope.dropout(`${name}.drop_path`, kept, dropPath, [x.shape[0] as number, 1, 1])
  }
  const a = scope.tap("norm1", layerNorm(scope.at("norm1"), x, layerNormEpsilon))
  const attended = selfAttention(scope.at("attn"), a, { heads, weightDropout: attentionDropout })
  const y = scope.tap("residual1", add(x, residual("attn", attended))) // eq. 2
  const b = scope.tap("norm2", layerNorm(scope.at("norm2"), y, layerNormEpsilon))
  return scope.tap("residual2", add(y, residual("mlp", mlp(scope.at("mlp"), b, config)))) // eq. 3
}

/** Two linear layers with a nonlinearity between: `[batch, tokens, D]` → the same shape. */
function mlp(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  const hidden = scope.tap("hidden", activate(linear(scope.at("fc1"), x, config.mlpDim), config.activation))
  return scope.tap("output", linear(scope.at("fc2"), scope.dropout("drop1", hidden, config.dropout), config.dim))
}

/** One vector an image, normed: `[batch, tokens, D]` → `[batch, D]`. */
function pool(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  const { classToken, dim, layerNormEpsilon } = config
  const tokens = fixed(x.shape, 1)
  const pick = (t: Tensor): Tensor =>
    config.pool === "average"
      ? mean(slice(t, 1, classToken ? 1 : 0, tokens), [1])
      : reshape(slice(t, 1, 0, 1), [t.shape[0] as number, dim])
  if (config.normAfterPool) return scope.tap("pooled", layerNorm(scope.at("fc_norm"), pick(x), layerNormEpsilon))
  // LayerNorm is taken token by token: where one token is read and nobody looks at the others, only that one is normed.
  if (config.pool === "token" && !scope.taps("norm"))
    return scope.tap("pooled", layerNorm(scope.at("norm"), pick(x), layerNormEpsilon))
  return scope.tap("pooled", pick(scope.tap("norm", layerNorm(scope.at("norm"), x, layerNormEpsilon))))
}

function preLogits(scope: Scope, x: Tensor, { preLogits }: ViTConfig): Tensor {
  if (preLogits === null) return x
  return scope.tap("output", activate(linear(scope.at("fc"), x, preLogits.dim), preLogits.activation))
}

/** Stochastic depth (Huang et al., 2016): the rate grows linearly from 0 at the first block. */
function dropPathRate({ depth, stochasticDepth }: ViTConfig, index: number): number {
  return depth === 1 ? 0 : (stochasticDepth * index) / (depth - 1)
}
