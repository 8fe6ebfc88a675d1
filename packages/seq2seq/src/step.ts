import { attendHeads, ops, projectHeads, type Scope, type Tensor } from "@vitrine/core"
import { type Seq2SeqConfig } from "./config.ts"
import { embedTarget, oneHot, positionsOf, predict } from "./seq2seq.ts"
import { attentionOf, transformerDecoderWith } from "./transformer.ts"

/** Keys and values of an attention, one of each a layer of the decoder. */
export interface KeysAndValues {
  readonly keys: readonly Tensor[]
  readonly values: readonly Tensor[]
}

/** Keys and values of the memory `[batch, source, dim]` for every layer, `[batch, heads, source, headDim]` each. */
export function memoryKeys(scope: Scope, memory: Tensor, config: Seq2SeqConfig): KeysAndValues {
  const found = Array.from({ length: config.decoderDepth }, (_, i) =>
    projectHeads(scope.at(`decoder.layers.${i}.multihead_attn`), { k: memory, v: memory }, attentionOf(config)),
  )
  return { keys: found.map(({ k }) => k), values: found.map(({ v }) => v) }
}

export interface StepInputs {
  /** The last token of each hypothesis, int32 `[batch · beams]`, those of an example side by side. */
  readonly tokens: Tensor
  /** How many stand before it, int32 `[1]`. */
  readonly position: Tensor
  /** What earlier steps found, `[batch · beams, heads, length, headDim]`; anything finite at places that come later. */
  readonly cache: KeysAndValues
  /** Which hypothesis of the same example each one goes on from, one-hot `[batch, beams, beams]`; without it, the same. */
  readonly parents?: Tensor | undefined
  /** Of the example's memory, `[batch, heads, source, headDim]`. */
  readonly memory: KeysAndValues
  /** True for source tokens that are not there, bool `[batch, source]`. */
  readonly padding?: Tensor | undefined
}

/**
 * One token more: logits `[batch · beams, vocabulary]`, and the keys and values with those of this token at its place. The
 * memory is not repeated for each hypothesis: they are queries of one example.
 */
export function decodeStep(
  scope: Scope,
  { tokens, position, cache, parents, memory, padding }: StepInputs,
  config: Seq2SeqConfig,
): { readonly logits: Tensor; readonly cache: KeysAndValues } {
  const { dim, heads, length, vocabulary } = config
  const options = attentionOf(config)
  const rows = tokens.shape[0] as number
  const batch = (memory.keys[0] as Tensor).shape[0] as number
  const beams = typeof rows === "number" ? rows / batch : 1
  const places = ops.constant(
    Float32Array.from({ length }, (_, i) => i),
    [length],
  )
  const later = ops.greater(places, ops.cast(position, "float32")) // [length]
  const here = ops.reshape(oneHot(position, length), [1, length])
  const atPlace = ops.greater(ops.reshape(here, [1, 1, length, 1]), 0.5)
  const keys: Tensor[] = []
  const values: Tensor[] = []
  /** What the hypothesis that this one goes on from had found, and this token's. */
  const extended = (cached: Tensor, t: Tensor): Tensor => {
    const before = parents === undefined ? cached : chosen(parents, cached)
    return ops.where(atPlace, t, before)
  }
  const placed = ops.matMul(here, positionsOf(length, dim)) // [1, dim]
  const x = embedTarget(scope, ops.reshape(tokens, [rows, 1]), placed, config) // [rows, 1, dim]
  const y = transformerDecoderWith(scope, x, config, {
    own: (layer, t, i) => {
      const { q, k, v } = projectHeads(layer, { q: t, k: t, v: t }, options) // [rows, heads, 1, headDim]
      keys[i] = extended(cache.keys[i] as Tensor, k)
      values[i] = extended(cache.values[i] as Tensor, v)
      const attentionMask = ops.reshape(later, [1, length])
      return attendHeads(layer, q, keys[i], values[i], { ...options, attentionMask })
    },
    cross: (layer, t, i) => {
      const { q } = projectHeads(layer, { q: ops.reshape(t, [batch, beams, dim]) }, { heads, bias: config.bias })
      const [k, v] = [memory.keys[i] as Tensor, memory.values[i] as Tensor]
      return ops.reshape(attendHeads(layer, q, k, v, { ...options, keyPaddingMask: padding }), [rows, 1, dim])
    },
  })
  return { logits: ops.reshape(predict(scope, y, config), [rows, vocabulary]), cache: { keys, values } }
}

/** Rows of each example by one-hot rows: parents `[batch, beams, beams]`, x `[batch · beams, …]` → its shape. */
function chosen(parents: Tensor, x: Tensor): Tensor {
  const [batch, beams] = parents.shape as [number, number]
  const width = x.shape.slice(1).reduce<number>((n, size) => n * (size as number), 1)
  return ops.reshape(ops.matMul(parents, ops.reshape(x, [batch, beams, width])), x.shape)
}
