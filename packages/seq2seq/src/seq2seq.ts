import { fixed, linear, ops, patchEmbedding, type Scope, type Shape, type Tensor } from "@vitrine/core"
import { product } from "@vitrine/core/backend"
import { type Seq2SeqConfig, sourceLength } from "./config.ts"
import { sinusoidPositions } from "./positions.ts"
import { causalMask, transformerDecoder, transformerEncoder } from "./transformer.ts"

/**
 * The whole model with teacher forcing: a source and target tokens → the logits of the token after each target token,
 * `[batch, target, vocabulary]`.
 * @param source images `[batch, height, width, channels]` or tokens, int32 `[batch, source]`
 * @param tokens int32 `[batch, target]`, `begin` first
 * @param padding true for padding among the source tokens, bool `[batch, source tokens]`
 */
export function seq2seq(scope: Scope, source: Tensor, tokens: Tensor, config: Seq2SeqConfig, padding?: Tensor): Tensor {
  return predictAll(scope, encodeSource(scope, source, config, padding), tokens, config, padding)
}

/** The model behind the encoder: memory `[batch, source tokens, dim]` and target tokens → logits, as in `seq2seq`. */
export function predictAll(
  scope: Scope,
  memory: Tensor,
  tokens: Tensor,
  config: Seq2SeqConfig,
  padding?: Tensor,
): Tensor {
  const length = fixed(tokens.shape, 1)
  const target = embedTarget(scope, tokens, positionsOf(length, config.dim), config)
  const masks = { targetMask: causalMask(length), memoryPadding: padding }
  return predict(scope, transformerDecoder(scope, target, memory, config, masks), config)
}

/** Source → memory `[batch, source tokens, dim]`: the encoder's output, to which the decoder attends. */
export function encodeSource(scope: Scope, source: Tensor, config: Seq2SeqConfig, padding?: Tensor): Tensor {
  const embedded =
    config.source.kind === "image"
      ? patchEmbedding(scope.at("patch_embed"), source, {
          ...config.source,
          dim: config.dim,
          embeddingNorm: false,
          stem: null,
        })
      : embed(scope, config.source.shared ? "embedding" : "source_embedding", source, config.source.vocabulary, config)
  const placed = ops.add(embedded, positionsOf(sourceLength(config), config.dim))
  const x = scope.tap("source", scope.dropout("source.dropout", placed, config.dropout))
  return transformerEncoder(scope, x, config, { sourcePadding: padding })
}

/** Tokens `[batch, target]` and their positions, which broadcast, → embeddings `[batch, target, dim]`. */
export function embedTarget(scope: Scope, tokens: Tensor, positions: Tensor, config: Seq2SeqConfig): Tensor {
  const placed = ops.add(embed(scope, "embedding", tokens, config.vocabulary, config), positions)
  return scope.tap("target", scope.dropout("target.dropout", placed, config.dropout))
}

/** The decoder's output `[batch, target, dim]` → logits `[batch, target, vocabulary]`. */
export function predict(scope: Scope, x: Tensor, { tied, vocabulary, dim }: Seq2SeqConfig): Tensor {
  const logits = tied
    ? ops.linear(x, table(scope, "embedding", vocabulary, dim))
    : linear(scope.at("generator"), x, vocabulary, { role: "head" })
  return scope.tap("logits", logits)
}

/** The sinusoids as a constant of the graph, `[tokens, dim]`. */
export function positionsOf(tokens: number, dim: number): Tensor {
  return ops.constant(sinusoidPositions(tokens, dim), [tokens, dim])
}

function table(scope: Scope, name: string, vocabulary: number, dim: number): Tensor {
  return scope.at(name).param("weight", [vocabulary, dim], "embedding")
}

/**
 * Tokens `[…]` → rows of a table times √dim (section 3.4), `[…, dim]`. It multiplies by one-hot rows, since every
 * backend has matrix products.
 */
function embed(scope: Scope, name: string, tokens: Tensor, vocabulary: number, { dim }: Seq2SeqConfig): Tensor {
  const rows: Shape = [product(tokens.shape), vocabulary]
  const hot = ops.reshape(oneHot(tokens, vocabulary), rows)
  const embedded = ops.matMul(hot, table(scope, name, vocabulary, dim)) // [batch · tokens, dim]
  return ops.mul(ops.reshape(embedded, [...tokens.shape, dim]), Math.sqrt(dim))
}

/** int32 `[…]` → float32 `[…, count]`, with 1 at each index. */
export function oneHot(indices: Tensor, count: number): Tensor {
  const places = ops.constant(
    Float32Array.from({ length: count }, (_, i) => i),
    [count],
  )
  const column = ops.reshape(ops.cast(indices, "float32"), [...indices.shape, 1])
  return ops.where(ops.greater(ops.abs(ops.sub(column, places)), 0.5), 0, 1)
}
