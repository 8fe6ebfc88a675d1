// The names of parameters are those of facebookresearch's DETR, so its weights load without a mapping.
import { dimAt, fixed, layerNorm, linear, multiHeadAttention, ops, type Scope, type Tensor } from "@vitrine/core"
import { backboneFeatures } from "./backbones.ts"
import type { DetrConfig } from "./config.ts"
import { sinePositions } from "./positions.ts"

/** The predictions of every decoder layer. The last layer gives the answer. The others are used by auxiliary losses. */
export interface DetrOutputs {
  /** `[batch, decoderDepth, queries, classes + 1]`. The last class means no object. */
  readonly logits: Tensor
  /** cx, cy, w, h as shares of the image without its padding: `[batch, decoderDepth, queries, 4]`. */
  readonly boxes: Tensor
}

/** The padding of a batch, from `featurePadding`. */
export interface PaddingTensors {
  /** 1 for a place of the image, 0 for padding: `[batch, rows · columns]`. */
  readonly visible: Tensor
  /** `[batch, rows · columns, dim]` */
  readonly positions: Tensor
}

/** ε of every LayerNorm. */
const epsilon = 1e-5

/**
 * DETR (Carion et al., 2020): images `[batch, height, width, channels]` → classes and boxes.
 * @param padding needed if images are smaller than their batch; without it the positions are a constant of the graph
 */
export function detr(scope: Scope, images: Tensor, config: DetrConfig, padding?: PaddingTensors): DetrOutputs {
  const features = scope.tap("features", backboneFeatures(scope.at("backbone.0.body"), images, config.backbone))
  const batch = dimAt(features.shape, 0)
  const [rows, columns, width] = [fixed(features.shape, 1), fixed(features.shape, 2), fixed(features.shape, 3)]
  const { dim, classes, queries, decoderDepth } = config
  const places = rows * columns
  const flat = ops.reshape(features, [batch, places, width])
  const kernel = scope.at("input_proj").param("weight", [dim, width, 1, 1], "convolution")
  const bias = scope.at("input_proj").param("bias", [dim], "bias")
  const projected = scope.tap("input_proj", ops.linear(flat, ops.reshape(kernel, [dim, width]), bias))
  const context: Context = {
    config,
    positions: padding?.positions ?? unpaddedPositions([rows, columns], dim),
    keyPaddingMask: padding && ops.greater(0.5, padding.visible),
  }
  const memory = encoder(scope.at("transformer.encoder"), projected, context)
  const table = scope.at("query_embed").param("weight", [queries, dim], "latent")
  const answers = decoder(scope.at("transformer.decoder"), memory, ops.reshape(table, [1, queries, dim]), context)
  const logits = linear(scope.at("class_embed"), answers, classes + 1, { role: "head" })
  const boxes = ops.sigmoid(boxHead(scope.at("bbox_embed"), answers, dim))
  const shape = [batch, decoderDepth, queries]
  return {
    logits: scope.tap("logits", ops.reshape(logits, [...shape, classes + 1])),
    boxes: scope.tap("boxes", ops.reshape(boxes, [...shape, 4])),
  }
}

interface Context {
  readonly config: DetrConfig
  /** The positions of the image's places. Attention adds them to queries and keys. */
  readonly positions: Tensor
  readonly keyPaddingMask: Tensor | undefined
}

function unpaddedPositions(grid: readonly [number, number], dim: number): Tensor {
  const places = grid[0] * grid[1]
  return ops.constant(sinePositions(new Float32Array(places).fill(1), grid, dim), [1, places, dim])
}

/** `[batch, places, dim]` → the same shape. */
function encoder(scope: Scope, projected: Tensor, context: Context): Tensor {
  const { config, positions, keyPaddingMask } = context
  let x = projected
  for (let i = 0; i < config.encoderDepth; i++) {
    const at = scope.at(`layers.${i}`)
    const block = branches(at, config)
    x = block(x, 1, (t) => {
      const query = ops.add(t, positions)
      return attention(at.at("self_attn"), query, query, t, config, keyPaddingMask)
    })
    x = scope.tap(
      `layers.${i}`,
      block(x, 2, (t) => feedForward(at, t, config)),
    )
  }
  return config.normFirst ? scope.tap("norm", layerNorm(scope.at("norm"), x, epsilon)) : x
}

/** Queries `[1, queries, dim]` → the normed outputs of all layers, `[batch, decoderDepth · queries, dim]`. */
function decoder(scope: Scope, memory: Tensor, queries: Tensor, context: Context): Tensor {
  const { config, positions, keyPaddingMask } = context
  const keys = ops.add(memory, positions)
  const normed = (t: Tensor): Tensor => layerNorm(scope.at("norm"), t, epsilon)
  const outputs: Tensor[] = []
  let x: Tensor = ops.full(queries.shape.with(0, dimAt(memory.shape, 0)), 0)
  for (let i = 0; i < config.decoderDepth; i++) {
    const at = scope.at(`layers.${i}`)
    const block = branches(at, config)
    x = block(x, 1, (t) => {
      const query = ops.add(t, queries)
      return attention(at.at("self_attn"), query, query, t, config)
    })
    x = block(x, 2, (t) =>
      attention(at.at("multihead_attn"), ops.add(t, queries), keys, memory, config, keyPaddingMask),
    )
    x = scope.tap(
      `layers.${i}`,
      block(x, 3, (t) => feedForward(at, t, config)),
    )
    if (config.chainedNorm) x = normed(x)
    outputs.push(x)
  }
  const answers = config.chainedNorm
    ? ops.concat([...outputs.slice(0, -1), normed(x)], 1)
    : normed(ops.concat(outputs, 1))
  return scope.tap("norm", answers)
}

/** Adds the branch of a number to its input. The norm stands before the branch or after the sum. */
function branches(
  scope: Scope,
  { normFirst, dropout }: DetrConfig,
): (x: Tensor, index: number, branch: (t: Tensor) => Tensor) => Tensor {
  return (x, index, branch) => {
    const norm = (t: Tensor): Tensor => layerNorm(scope.at(`norm${index}`), t, epsilon)
    const drop = (t: Tensor): Tensor => scope.dropout(`dropout${index}`, t, dropout)
    return normFirst ? ops.add(x, drop(branch(norm(x)))) : norm(ops.add(x, drop(branch(x))))
  }
}

function attention(
  scope: Scope,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  { heads, dropout }: DetrConfig,
  keyPaddingMask?: Tensor,
): Tensor {
  return multiHeadAttention(scope, query, key, value, { heads, weightDropout: dropout, keyPaddingMask })
}

function feedForward(scope: Scope, x: Tensor, { dim, mlpDim, dropout }: DetrConfig): Tensor {
  const hidden = ops.relu(linear(scope.at("linear1"), x, mlpDim))
  return linear(scope.at("linear2"), scope.dropout("dropout", hidden, dropout), dim)
}

/** Three linear layers with ReLU after the first two: `[…, dim]` → `[…, 4]`. */
function boxHead(scope: Scope, x: Tensor, dim: number): Tensor {
  const layer = (index: number, t: Tensor, outputs: number): Tensor =>
    linear(scope.at(`layers.${index}`), t, outputs, { role: "head" })
  return layer(2, ops.relu(layer(1, ops.relu(layer(0, x, dim)), dim)), 4)
}
