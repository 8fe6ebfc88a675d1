import { attendHeads, dimAt, fixed, ops, projectHeads, type Scope, type Tensor, VitrineError } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import type { Seq2SeqConfig } from "./config.ts"
import { embedTarget, oneHot, positionsOf, predict } from "./seq2seq.ts"
import { attentionOf, transformerDecoderWith } from "./transformer.ts"

/** The keys and values of one attention for every layer of the decoder. */
export interface KeysAndValues {
  readonly keys: readonly Tensor[]
  readonly values: readonly Tensor[]
}

/** The keys and values of the memory `[batch, source, dim]` for every layer, `[batch, heads, source, headDim]` each. */
export function memoryKeys(scope: Scope, memory: Tensor, config: Seq2SeqConfig): KeysAndValues {
  const projections = Array.from({ length: config.decoderDepth }, (_, i) =>
    projectHeads(scope.at(`decoder.layers.${i}.multihead_attn`), { k: memory, v: memory }, attentionOf(config)),
  )
  return { keys: projections.map(({ k }) => k), values: projections.map(({ v }) => v) }
}

/** The inputs of one step of decoding. */
export interface StepInputs {
  /** The last token of each hypothesis, int32 `[batch · beams]`. The hypotheses of an example are adjacent. */
  readonly tokens: Tensor
  /** The number of tokens before the last one, int32 `[1]`. */
  readonly position: Tensor
  /**
   * The keys and values of the tokens before the last one, `[batch · beams, heads, length, headDim]`. Later places hold
   * any finite values.
   */
  readonly cache: KeysAndValues
  /**
   * The parent of each hypothesis, one-hot `[batch, beams, beams]`: the index, within the example, of the hypothesis
   * that it extends. Without this input each hypothesis extends the one with its own index.
   */
  readonly parents?: Tensor | undefined
  /** The keys and values of each example's memory, `[batch, heads, source, headDim]`. */
  readonly memory: KeysAndValues
  /** True for padding among the source tokens, bool `[batch, source]`. */
  readonly padding?: Tensor | undefined
}

/**
 * One step of decoding. It computes the logits of the next tokens, `[batch · beams, vocabulary]`, and adds the keys and
 * values of the last tokens to the cache. The hypotheses of an example attend to one memory, which is not repeated. If
 * the batch size is open, each example has one hypothesis.
 */
export function decodeStep(
  scope: Scope,
  { tokens, position, cache, parents, memory, padding }: StepInputs,
  config: Seq2SeqConfig,
): { readonly logits: Tensor; readonly cache: KeysAndValues } {
  const { dim, heads, length, vocabulary } = config
  const options = attentionOf(config)
  const rows = dimAt(tokens.shape, 0)
  const batch = dimAt(layerOf(memory.keys, 0).shape, 0)
  const beams = typeof rows === "number" && typeof batch === "number" ? rows / batch : 1
  const places = ops.constant(
    Float32Array.from({ length }, (_, i) => i),
    [length],
  )
  const later = ops.greater(places, ops.cast(position, "float32")) // [length]
  const currentPlace = ops.reshape(oneHot(position, length), [1, length])
  const isCurrent = ops.greater(ops.reshape(currentPlace, [1, 1, length, 1]), 0.5)
  const keys: Tensor[] = []
  const values: Tensor[] = []
  /** Takes the cache of each hypothesis' parent, and adds the keys or values of the last token. */
  const extended = (cached: Tensor, last: Tensor): Tensor =>
    ops.where(isCurrent, last, parents === undefined ? cached : ofParents(parents, cached))
  const encoding = ops.matMul(currentPlace, positionsOf(length, dim)) // [1, dim]
  const x = embedTarget(scope, ops.reshape(tokens, [rows, 1]), encoding, config) // [rows, 1, dim]
  const y = transformerDecoderWith(scope, x, config, {
    selfAttention: (layer, t, i) => {
      const { q, k, v } = projectHeads(layer, { q: t, k: t, v: t }, options) // [rows, heads, 1, headDim]
      const [key, value] = [extended(layerOf(cache.keys, i), k), extended(layerOf(cache.values, i), v)]
      keys.push(key)
      values.push(value)
      return attendHeads(layer, q, key, value, { ...options, attentionMask: ops.reshape(later, [1, length]) })
    },
    crossAttention: (layer, t, i) => {
      const queries = ops.reshape(t, [batch, beams, dim])
      const { q } = projectHeads(layer, { q: queries }, { heads, bias: config.bias })
      const [k, v] = [layerOf(memory.keys, i), layerOf(memory.values, i)]
      return ops.reshape(attendHeads(layer, q, k, v, { ...options, keyPaddingMask: padding }), [rows, 1, dim])
    },
  })
  return { logits: ops.reshape(predict(scope, y, config), [rows, vocabulary]), cache: { keys, values } }
}

/** @throws VitrineError (shape) if the layer has no tensor */
function layerOf(tensors: readonly Tensor[], layer: number): Tensor {
  const tensor = tensors[layer]
  if (tensor === undefined) throw new VitrineError("shape", `there are no keys and values of layer ${layer}`)
  return tensor
}

/**
 * Selects the row of each hypothesis' parent: parents `[batch, beams, beams]`, x `[batch · beams, …]` → the shape of x.
 */
function ofParents(parents: Tensor, x: Tensor): Tensor {
  const width = elementCount(x.shape.slice(1))
  const rows = ops.reshape(x, [dimAt(parents.shape, 0), fixed(parents.shape, 1), width])
  return ops.reshape(ops.matMul(parents, rows), x.shape)
}
