// The names of parameters are those of torch.nn.Transformer, so its state dict loads without a mapping. Tokens are
// [batch, tokens, dim].
import { activate, fixed, linear, multiHeadAttention, ops, type Scope, type Tensor } from "@vitrine/core"
import type { TransformerConfig } from "./config.ts"

/** The masks of `torch.nn.Transformer`, as in `multiHeadAttention`. A mask is bool, or is added to the scores. */
export interface TransformerMasks {
  /** `sourceMask` hides source tokens from each other, `[source, source]`; `sourcePadding` hides padding, `[batch, source]`. */
  readonly sourceMask?: Tensor | undefined
  readonly sourcePadding?: Tensor | undefined
  /**
   * `targetMask` hides target tokens from each other, `[target, target]`, such as `causalMask`; `targetPadding` hides
   * padding, `[batch, target]`.
   */
  readonly targetMask?: Tensor | undefined
  readonly targetPadding?: Tensor | undefined
  /** `memoryMask` hides source tokens from target tokens, `[target, source]`; `memoryPadding` hides padding, `[batch, source]`. */
  readonly memoryMask?: Tensor | undefined
  readonly memoryPadding?: Tensor | undefined
}

/** Hides later tokens: true above the diagonal, `[tokens, tokens]`. */
export function causalMask(tokens: number): Tensor {
  const places = Float32Array.from({ length: tokens }, (_, i) => i)
  return ops.greater(ops.constant(places, [1, tokens]), ops.constant(places, [tokens, 1]))
}

/** `torch.nn.Transformer`: embedded source and target, `[batch, …, dim]` each → the target's shape. */
export function transformer(
  scope: Scope,
  source: Tensor,
  target: Tensor,
  config: TransformerConfig,
  masks: TransformerMasks = {},
): Tensor {
  return transformerDecoder(scope, target, transformerEncoder(scope, source, config, masks), config, masks)
}

/** The encoder: embedded source `[batch, source, dim]` → memory of the same shape. */
export function transformerEncoder(
  scope: Scope,
  source: Tensor,
  config: TransformerConfig,
  masks: TransformerMasks = {},
): Tensor {
  const { sourceMask: attentionMask, sourcePadding: keyPaddingMask } = masks
  const attention = { ...attentionOf(config), attentionMask, keyPaddingMask }
  let x = source
  for (let i = 0; i < config.encoderDepth; i++) {
    const layer = scope.at(`encoder.layers.${i}`)
    x = residual(layer, "norm1", x, config, (y) => multiHeadAttention(layer.at("self_attn"), y, y, y, attention))
    x = residual(layer, "norm2", x, config, (y) => feedForward(layer, y, config))
    x = scope.tap(`encoder.layers.${i}`, x)
  }
  return scope.tap("encoder", finalNorm(scope.at("encoder"), x, config))
}

/** The decoder for all target tokens together: `[batch, target, dim]` → the same shape. */
export function transformerDecoder(
  scope: Scope,
  target: Tensor,
  memory: Tensor,
  config: TransformerConfig,
  masks: TransformerMasks = {},
): Tensor {
  const selfOptions = { ...attentionOf(config), attentionMask: masks.targetMask, keyPaddingMask: masks.targetPadding }
  const crossOptions = { ...attentionOf(config), attentionMask: masks.memoryMask, keyPaddingMask: masks.memoryPadding }
  return transformerDecoderWith(scope, target, config, {
    selfAttention: (layer, y) => multiHeadAttention(layer, y, y, y, selfOptions),
    crossAttention: (layer, y) => multiHeadAttention(layer, y, memory, memory, crossOptions),
  })
}

/**
 * The attentions of a decoder layer: to the target's own tokens and to the memory. `layer` is the scope of the
 * attention in layer `index`. y is `[batch, tokens, dim]`.
 */
export interface DecoderAttention {
  readonly selfAttention: (layer: Scope, y: Tensor, index: number) => Tensor
  readonly crossAttention: (layer: Scope, y: Tensor, index: number) => Tensor
}

/** The decoder with any implementation of its attentions: all layers and the final norm. */
export function transformerDecoderWith(
  scope: Scope,
  target: Tensor,
  config: TransformerConfig,
  { selfAttention, crossAttention }: DecoderAttention,
): Tensor {
  let x = target
  for (let i = 0; i < config.decoderDepth; i++) {
    const layer = scope.at(`decoder.layers.${i}`)
    x = residual(layer, "norm1", x, config, (y) => selfAttention(layer.at("self_attn"), y, i))
    x = residual(layer, "norm2", x, config, (y) => crossAttention(layer.at("multihead_attn"), y, i))
    x = residual(layer, "norm3", x, config, (y) => feedForward(layer, y, config))
    x = scope.tap(`decoder.layers.${i}`, x)
  }
  return scope.tap("decoder", finalNorm(scope.at("decoder"), x, config))
}

/** The options of every attention. */
export function attentionOf({ heads, bias, dropout }: TransformerConfig): {
  readonly heads: number
  readonly bias: boolean
  readonly weightDropout: number
} {
  return { heads, bias, weightDropout: dropout }
}

/** Adds a branch to x. The norm stands before the branch or after the sum. */
function residual(
  scope: Scope,
  name: string,
  x: Tensor,
  config: TransformerConfig,
  branch: (y: Tensor) => Tensor,
): Tensor {
  const normed = (t: Tensor): Tensor => scope.tap(name, norm(scope.at(name), t, config))
  const dropped = (t: Tensor): Tensor => scope.dropout(`${name}.dropout`, t, config.dropout)
  return config.normFirst ? ops.add(x, dropped(branch(normed(x)))) : normed(ops.add(x, dropped(branch(x))))
}

/** The feed-forward network, equation 2. */
function feedForward(scope: Scope, x: Tensor, { mlpDim, activation, bias, dropout }: TransformerConfig): Tensor {
  const hidden = activate(linear(scope.at("linear1"), x, mlpDim, { bias }), activation) // […, mlpDim]
  return linear(scope.at("linear2"), scope.dropout("dropout", hidden, dropout), fixed(x.shape, 2), { bias })
}

function finalNorm(scope: Scope, x: Tensor, config: TransformerConfig): Tensor {
  return config.finalNorms ? norm(scope.at("norm"), x, config) : x
}

function norm(scope: Scope, x: Tensor, { bias, layerNormEpsilon, dim }: TransformerConfig): Tensor {
  const shift = bias ? scope.param("bias", [dim], "bias") : ops.full([dim], 0)
  return ops.layerNorm(x, scope.param("weight", [dim], "scale"), shift, layerNormEpsilon).y
}
