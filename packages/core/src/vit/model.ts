// Letters of the paper: H, W and C are the height, width and channels of an image, P is the size of a patch, N the
// number of patches, D the width of the tokens, L the number of blocks. Parameters have timm's names, so its weights
// load without a mapping.
import { latentAttention } from "../nn/attention.ts"
import { preLogitsActivations } from "../nn/activations.ts"
import { linear } from "../nn/layers.ts"
import type { Scope } from "../nn/scope.ts"
import { linear as project, softmax } from "../tensor/fused.ts"
import { add, broadcastTo, concat, mean, mul, reshape, slice, transpose } from "../tensor/ops.ts"
import { dimAt, fixed } from "../tensor/shape.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { block, mlp, normed } from "./block.ts"
import type { ViTConfig } from "./config.ts"
import { cutChannels, patchGrid, positionTable, prefixTokens } from "./geometry.ts"
import { rotaryTurns } from "./rotary.ts"
import { stemFeatures } from "./stem.ts"

/** The Vision Transformer: images `[batch, height, width, channels]` → logits `[batch, classes]`. */
export function vit(scope: Scope, images: Tensor, config: ViTConfig): Tensor {
  const heads = vitHeads(scope, images, config)
  const y = heads.distilled === null ? heads.logits : halfway(heads.logits, heads.distilled)
  if (config.classes === 0) return y
  const logits = scope.tap("logits", y)
  if (scope.taps("probabilities")) scope.tap("probabilities", softmax(logits))
  return logits
}

const halfway = (a: Tensor, b: Tensor): Tensor => mul(add(a, b), 0.5)

/** The outputs of a Vision Transformer's heads: logits, or features if the model has no classes. */
export interface ViTHeads {
  /** `[batch, classes]` */
  readonly logits: Tensor
  /** The logits of the distillation token, `[batch, classes]`, or null if the model has no such token. */
  readonly distilled: Tensor | null
}

/**
 * The Vision Transformer with the outputs of each head. DeiT trains the class token's head on the labels, and the
 * distillation token's head on the teacher's predictions. Its evaluation uses the mean of the two, which `vit` returns.
 */
export function vitHeads(scope: Scope, images: Tensor, config: ViTConfig): ViTHeads {
  const x = vitEncoder(scope, patchEmbedding(scope.at("patch_embed"), images, config), config)
  const [y, distilled] = pool(scope, x, config) // eq. 4, [batch, D]
  const head = (name: string, features: Tensor): Tensor =>
    config.classes === 0 ? features : linear(scope.at(name), features, config.classes, { role: "head" })
  return {
    logits: head("head", preLogits(scope.at("pre_logits"), y, config)), // [batch, classes]
    distilled: distilled === null ? null : head("head_dist", distilled),
  }
}

/** The encoder: embedded patches `[batch, N, D]` (eq. 1) → all tokens after the last block, `[batch, tokens, D]`. */
export function vitEncoder(scope: Scope, patches: Tensor, config: ViTConfig): Tensor {
  let x = scope.dropout("pos_drop", embedTokens(scope, patches, config), config.dropout) // [batch, tokens, D]
  if (config.embeddingNorm) x = normed(scope.at("norm_pre"), x, config)
  x = scope.tap("tokens", x)
  const turns = rotaryTurns(scope, config)
  for (let i = 0; i < config.depth; i++) {
    const name = `blocks.${i}`
    x = scope.tap(name, block(scope.at(name), scope.checkpoint(x), config, i, turns?.(i))) // eq. 2, 3
  }
  return x
}

/** Selects the tokens of the patches after the encoder, and norms them: `[batch, tokens, D]` → `[batch, N, D]`. */
export function patchFeatures(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  const patches = slice(x, 1, prefixTokens(config), fixed(x.shape, 1))
  if (!config.finalNorm) return patches
  return normed(scope.at(config.normAfterPool ? "fc_norm" : "norm"), patches, config)
}

type PatchConfig = Pick<ViTConfig, "imageSize" | "patchSize" | "channels" | "dim" | "embeddingNorm" | "stem">

/** Cuts images, or a hybrid's features, into patches and embeds each patch: `[batch, H, W, C]` → `[batch, N, D]`. */
export function patchEmbedding(scope: Scope, images: Tensor, config: PatchConfig): Tensor {
  const { stem, dim } = config
  const x = stem === null ? images : stemFeatures(scope.at("backbone"), images, stem)
  const [rows, columns] = patchGrid(config)
  const [height, width] = config.patchSize
  const channels = cutChannels(config)
  const batch = dimAt(images.shape, 0)
  const cut = reshape(x, [batch, rows, height, columns, width, channels])
  const patches = scope.tap("patches", transpose(cut, [0, 1, 3, 2, 4, 5])) // [batch, rows, columns, P, P, C]
  const flat = scope.tap("flattened", reshape(patches, [batch, rows * columns, height * width * channels])) // [batch, N, P²C]
  const kernel = scope.at("proj").param("weight", [dim, channels, height, width], "patch")
  const weight = reshape(transpose(kernel, [0, 2, 3, 1]), [dim, height * width * channels]) // [D, P²C]
  const bias = config.embeddingNorm ? undefined : scope.at("proj").param("bias", [dim], "bias")
  return scope.tap("embeddings", project(flat, weight, bias))
}

/** Adds positions, and puts the learned tokens before the patches: `[batch, N, D]` → `[batch, tokens, D]`. */
function embedTokens(scope: Scope, embedded: Tensor, config: ViTConfig): Tensor {
  const { dim, registers } = config
  const patches = config.patchNorm ? normed(scope.at("patch_embed.norm"), embedded, config) : embedded
  const prefix: Tensor[] = []
  if (config.classToken) prefix.push(scope.tap("class_token", scope.param("cls_token", [1, 1, dim], "classToken")))
  if (config.distillationToken)
    prefix.push(scope.tap("distillation_token", scope.param("dist_token", [1, 1, dim], "distillationToken")))
  if (registers > 0) prefix.push(scope.tap("registers", scope.param("reg_token", [1, registers, dim], "classToken")))
  const prepend = (x: Tensor): Tensor =>
    concat([...prefix.map((t) => broadcastTo(t, t.shape.with(0, dimAt(x.shape, 0)))), x], 1)
  return config.prefixPositions
    ? addPositions(scope, prepend(patches), config)
    : prepend(addPositions(scope, patches, config))
}

function addPositions(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  const table = positionTable(config)
  if (table === null) return x
  const role = table === "learned" ? "positions" : "fixedPositions"
  return add(x, scope.tap("positions", scope.param("pos_embed", [1, fixed(x.shape, 1), config.dim], role)))
}

/**
 * The normed inputs of the head and of the distillation token's head: `[batch, tokens, D]` → `[batch, D]` each. If a
 * model has both, the tap `pooled` is their mean, which equals timm's features.
 */
function pool(scope: Scope, x: Tensor, config: ViTConfig): readonly [Tensor, Tensor | null] {
  const { dim, distillationToken, finalNorm, normAfterPool, poolPrefix } = config
  const token = (t: Tensor, index: number): Tensor => reshape(slice(t, 1, index, index + 1), [dimAt(t.shape, 0), dim])
  const image = (t: Tensor): Tensor => slice(t, 1, poolPrefix ? 0 : prefixTokens(config), fixed(t.shape, 1))
  const norm = (name: string, t: Tensor): Tensor => (finalNorm ? normed(scope.at(name), t, config) : t)
  const pick = (t: Tensor): Tensor => {
    switch (config.pool) {
      case "token":
        return token(t, 0)
      case "average":
        return mean(image(t), [1])
      case "map":
        return attentionPool(scope.at("attn_pool"), image(t), config)
      case "token+average":
        return concat([token(t, 0), mean(image(t), [1])], 1) // [batch, 2 D]
    }
  }
  if (normAfterPool) return [scope.tap("pooled", norm("fc_norm", pick(x))), null]
  // LayerNorm acts on each token alone, so only the tokens that are read need it.
  const onlyTokens = config.pool === "token" && !scope.taps("norm")
  const y = scope.tap("norm", norm("norm", onlyTokens ? slice(x, 1, 0, distillationToken ? 2 : 1) : x))
  if (!distillationToken) return [scope.tap("pooled", pick(y)), null]
  const [pooled, distilled] = [token(y, 0), token(y, 1)]
  if (scope.taps("pooled")) scope.tap("pooled", halfway(pooled, distilled))
  return [pooled, distilled]
}

/**
 * timm's `AttentionPoolLatent`: the attention of a learned query, followed by an MLP with a shortcut: `[batch, tokens,
 * D]` → `[batch, D]`.
 */
function attentionPool(scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  const { gatedMlp, heads, mlpDim, splitGate } = config
  // In timm it is as wide as the first matrix of the blocks' MLPs.
  const poolSizes = config.mapPool ?? { heads, mlpDim: gatedMlp && !splitGate ? 2 * mlpDim : mlpDim }
  const y = latentAttention(scope, x, poolSizes.heads)
  const plain = {
    ...config,
    gatedMlp: false,
    splitGate: false,
    mlpNorm: false,
    mlpDim: poolSizes.mlpDim,
    projBias: true,
    dropout: 0,
  }
  return add(y, mlp(scope.at("mlp"), normed(scope.at("norm"), y, config), plain))
}

function preLogits(scope: Scope, x: Tensor, { preLogits }: ViTConfig): Tensor {
  if (preLogits === null) return x
  const hidden = linear(scope.at("fc"), x, preLogits.dim)
  return scope.tap("output", preLogitsActivations[preLogits.activation](hidden))
}
