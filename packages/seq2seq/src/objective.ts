import { type HostData, ops, type Scope, type Tensor, VitrineError } from "@vitrine/core"
import type { Measure, Objective } from "@vitrine/trainer"
import { type Seq2SeqConfig, sourceLength } from "./config.ts"
import { sourceInput } from "./parameters.ts"
import { oneHot, seq2seq } from "./seq2seq.ts"

/** Sources and their texts. */
export interface TextBatch {
  /** Images `[size, height, width, channels]`, or tokens `[size, source tokens]`. */
  readonly source: Float32Array | Int32Array
  /** 1 for padding among the source tokens, `[size, source tokens]`. */
  readonly padding: Uint8Array
  /** The tokens after `begin`, `[size, length]`. Each row has a text, and then `end` up to the end of the row. */
  readonly targets: Int32Array
  /**
   * 1 for the tokens of a text and its first `end`, otherwise 0, `[size, length]`. Rows that pad a short last batch
   * have zeros.
   */
  readonly weights: Float32Array
  readonly size: number
}

/** The measures of a model on some texts. The model predicts each token from the true tokens before it. */
export interface TextEvaluation {
  /** The number of texts. */
  readonly examples: number
  /** The mean loss of a token, without label smoothing. */
  readonly loss: number
  /**
   * The share of the texts of which every token, with `end`, has the greatest probability. Greedy decoding reproduces
   * exactly these texts.
   */
  readonly exact: number
  /** The share of the tokens, with `end`, that have the greatest probability. */
  readonly tokens: number
}

/**
 * The objective of texts by teacher forcing: the cross-entropy of each token, which is predicted from the true tokens
 * before it. Label smoothing (Vaswani et al., 2017, section 5.4) is spread over the whole vocabulary, as in PyTorch. A
 * row of the loss is a token.
 */
export function textObjective(config: Seq2SeqConfig, smoothing = 0.1): Objective<TextBatch, TextEvaluation> {
  if (!(smoothing >= 0 && smoothing < 1))
    throw new VitrineError("config", `label smoothing must be in [0, 1), got ${smoothing}`)
  return {
    rows: (scope) => ({ losses: tokenLosses(scope, config, smoothing).losses, weights: weightsOf(config) }),
    prepare: (batch) => ({
      inputs: { ...inputsOf(batch), weights: batch.weights },
      total: batch.weights.reduce((a, b) => a + b, 0),
    }),
    measure: measureTexts(config),
  }
}

/** What is counted of a batch of texts, and the losses of its tokens. */
interface TextRecord {
  readonly examples: number
  readonly exact: number
  readonly right: number
  readonly tokens: number
  readonly losses: readonly number[]
}

/** Measures texts. The score is the share of exact texts. */
export function measureTexts(config: Seq2SeqConfig): Measure<TextBatch, TextEvaluation> {
  const { vocabulary, length } = config
  return {
    outputs: (scope) => tokenLosses(scope, config, 0),
    pass: () => {
      const counts = { examples: 0, exact: 0, right: 0, tokens: 0 }
      let loss = 0
      return {
        async record(batch, run): Promise<TextRecord> {
          const counts = { examples: 0, exact: 0, right: 0, tokens: 0 }
          const tokenLosses: number[] = []
          const { logits, losses } = await run(inputsOf(batch))
          for (let row = 0; row < batch.size; row++) {
            if (batch.weights[row * length] === 0) continue
            let exact = true
            for (let at = row * length; at < (row + 1) * length && batch.weights[at] !== 0; at++) {
              const right = largest(logits?.data ?? [], at * vocabulary, vocabulary) === batch.targets[at]
              exact &&= right
              counts.right += right ? 1 : 0
              counts.tokens++
              tokenLosses.push(losses?.data[at] ?? Number.NaN)
            }
            counts.examples++
            if (exact) counts.exact++
          }
          return { ...counts, losses: tokenLosses }
        },
        add({ losses, examples, exact, right, tokens }: TextRecord) {
          for (const each of losses) loss += each
          counts.examples += examples
          counts.exact += exact
          counts.right += right
          counts.tokens += tokens
        },
        result: () => ({
          examples: counts.examples,
          loss: loss / counts.tokens,
          exact: counts.exact / counts.examples,
          tokens: counts.right / counts.tokens,
        }),
      }
    },
    score: ({ exact }) => exact,
    loss: ({ loss }) => loss,
  }
}

/** Logits `[batch · length, vocabulary]` and losses `[batch · length]`, from source, padding and targets. */
function tokenLosses(
  scope: Scope,
  config: Seq2SeqConfig,
  smoothing: number,
): { readonly logits: Tensor; readonly losses: Tensor } {
  const { length, vocabulary, begin } = config
  const targets = ops.input("targets", ["batch", length], "int32")
  const padding = ops.input("padding", ["batch", sourceLength(config)], "bool")
  const earlier = ops.slice(ops.cast(targets, "float32"), 1, 0, length - 1)
  const tokens = ops.cast(ops.concat([ops.full(["batch", 1], begin), earlier], 1), "int32")
  const logits = ops.reshape(seq2seq(scope, sourceInput(config), tokens, config, padding), [
    `batch*${length}`,
    vocabulary,
  ])
  const hot = ops.reshape(oneHot(targets, vocabulary), logits.shape)
  const smoothed = ops.add(ops.mul(hot, 1 - smoothing), smoothing / vocabulary)
  return { logits, losses: ops.softmaxCrossEntropy(logits, smoothed) }
}

const weightsOf = ({ length }: Seq2SeqConfig): Tensor =>
  ops.reshape(ops.input("weights", ["batch", length]), [`batch*${length}`])

const inputsOf = ({ source, padding, targets }: TextBatch): Readonly<Record<string, HostData>> => ({
  source,
  padding,
  targets,
})

/** The offset of the largest of `count` numbers from `from` on. Of equal numbers the first counts. */
function largest(numbers: ArrayLike<number>, from: number, count: number): number {
  let best = 0
  let most = -Infinity
  for (let i = 0; i < count; i++) {
    const number = numbers[from + i] ?? Number.NaN
    if (number > most) [best, most] = [i, number]
  }
  return best
}
