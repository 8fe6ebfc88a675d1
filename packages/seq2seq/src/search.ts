import { VitrineError } from "@vitrine/core"

/** The last tokens of all hypotheses, for the model to predict the next ones. */
export interface NextToken {
  /** The number of tokens of each hypothesis so far, without `begin`: 0, 1, 2 … in turn. */
  readonly position: number
  /** The last token of each hypothesis, `[batch · beams]`. */
  readonly tokens: Int32Array
  /**
   * The number of the hypothesis that each one extends, among those of its example in the previous call, `[batch · beams]`; null
   * in the first call.
   */
  readonly parents: Int32Array | null
}

export interface SearchOptions {
  /** Hypotheses that are kept of each example; 1 for greedy decoding. */
  readonly beams?: number | undefined
  /** α of the length penalty, 0 for none; the paper's 0.6 by default. */
  readonly lengthPenalty?: number | undefined
}

interface SearchSpace {
  readonly batch: number
  readonly vocabulary: number
  readonly begin: number
  readonly end: number
  /** The most tokens, with `end`. */
  readonly length: number
}

/** A decoded text. */
export interface Hypothesis {
  /** Without `begin` and `end`. */
  readonly tokens: readonly number[]
  /** Whether it ends with `end`; otherwise it was cut off at the greatest length. */
  readonly ended: boolean
  /** Natural logarithm of the probability of each token, and of `end` if it ended. */
  readonly logProbabilities: readonly number[]
  /** The sum of `logProbabilities` over the length penalty. Hypotheses are compared by it. */
  readonly score: number
}

/**
 * The length penalty of Wu et al. (2016, equation 14, without coverage), ((5 + length) / 6)^α. It divides the logarithm of a
 * hypothesis' probability. The length counts `end`.
 */
export function lengthPenalty(length: number, alpha: number): number {
  return ((5 + length) / 6) ** alpha
}

/**
 * Greedy decoding, or the beam search of tensor2tensor, which is the paper's:
 * - At each position the best 2 · beams extensions are ranked. Those that end join the finished hypotheses, of which the best
 *   `beams` are kept; the best `beams` others go on.
 * - The search of an example ends when `beams` hypotheses are finished and no other can beat the worst of them: its
 *   probability cannot grow, and its penalty is at most that of the greatest length.
 * - At the greatest length, hypotheses that did not end count only where none of the example has ended.
 *
 * `begin` is never chosen. Equal extensions are ranked by hypothesis and then by token, the first first.
 * @param next gives the logits of the next tokens, `[batch · beams, vocabulary]`
 * @returns the hypotheses of each example, the best first: `beams` at most
 */
export async function beamSearch(
  next: (step: NextToken) => Promise<ArrayLike<number>>,
  space: SearchSpace,
  options: SearchOptions = {},
): Promise<Hypothesis[][]> {
  checkSearch(options)
  const { beams = 1, lengthPenalty: alpha = 0.6 } = options
  const { batch, vocabulary, length } = space
  const extend = beams === 1 ? extendGreedily : extendBeam
  const examples = Array.from({ length: batch }, (): Example => ({ alive: [start], finished: [], over: false }))
  for (let position = 0; position < length; position++) {
    const tokens = new Int32Array(batch * beams).fill(space.end)
    const parents = position === 0 ? null : new Int32Array(batch * beams)
    for (const [i, { alive, over }] of examples.entries())
      if (!over)
        for (const [k, hypothesis] of alive.entries()) {
          tokens[i * beams + k] = hypothesis.tokens.at(-1) ?? space.begin
          if (parents !== null) parents[i * beams + k] = hypothesis.parent
        }
    const logits = await next({ position, tokens, parents })
    if (logits.length !== batch * beams * vocabulary)
      throw new VitrineError("shape", `search: ${logits.length} logits are not [${batch * beams}, ${vocabulary}]`)
    for (const [i, example] of examples.entries()) {
      if (example.over) continue
      const alive = example.alive.map((hypothesis, k) => ({
        ...hypothesis,
        logs: logSoftmax(logits, (i * beams + k) * vocabulary, space),
      }))
      examples[i] = extend(alive, example.finished, space, { beams, alpha, last: position + 1 === length })
    }
    if (examples.every(({ over }) => over)) break
  }
  return examples.map(({ finished }) => [...finished])
}

/** @throws VitrineError (config) */
export function checkSearch({ beams = 1, lengthPenalty: alpha = 0.6 }: SearchOptions): void {
  if (!Number.isInteger(beams) || beams < 1 || beams > 1024)
    throw new VitrineError("config", `beams must be an integer from 1 to 1024, got ${beams}`)
  if (!(alpha >= 0 && alpha < 10)) throw new VitrineError("config", `lengthPenalty must be in [0, 10), got ${alpha}`)
}

/** A hypothesis that has not ended. */
interface Alive extends Pick<Hypothesis, "tokens" | "logProbabilities"> {
  /** Of `logProbabilities`. */
  readonly sum: number
  /** The number of the hypothesis that it extends. */
  readonly parent: number
}

const start: Alive = { tokens: [], logProbabilities: [], sum: 0, parent: 0 }

/** A hypothesis with the logarithms of the probabilities of its next token. */
interface Predicted extends Alive {
  readonly logs: Float64Array
}

interface Example {
  readonly alive: readonly Alive[]
  /** The best first. */
  readonly finished: readonly Hypothesis[]
  readonly over: boolean
}

interface ExtensionOptions {
  readonly beams: number
  readonly alpha: number
  /** Whether the greatest length is reached. */
  readonly last: boolean
}

/** A hypothesis with one token more. */
interface Extension extends Alive {
  readonly token: number
}

function extendGreedily(
  [hypothesis]: readonly Predicted[],
  _: readonly Hypothesis[],
  { end }: SearchSpace,
  { alpha, last }: ExtensionOptions,
): Example {
  if (hypothesis === undefined) return over([])
  const log = hypothesis.logs.reduce((a, b) => Math.max(a, b), -Infinity)
  const extension = extensionOf(hypothesis, 0, Math.max(0, hypothesis.logs.indexOf(log)), log)
  if (extension.token === end) return over([completeHypothesis(extension, alpha)])
  return last ? over([cutHypothesis(extension, alpha)]) : { alive: [extension], finished: [], over: false }
}

function extendBeam(
  alive: readonly Predicted[],
  finished: readonly Hypothesis[],
  space: SearchSpace,
  { beams, alpha, last }: ExtensionOptions,
): Example {
  const ranked = bestExtensions(alive, 2 * beams)
  const complete = ranked.filter(({ token }) => token === space.end)
  const best = [...finished, ...complete.map((extension) => completeHypothesis(extension, alpha))]
    .sort((a, b) => b.score - a.score)
    .slice(0, beams)
  const rest = ranked.filter(({ token }) => token !== space.end).slice(0, beams)
  if (last) {
    const cut = rest.map((extension) => cutHypothesis(extension, alpha))
    return over(best.length > 0 ? best : cut.sort((a, b) => b.score - a.score))
  }
  const bound = Math.max(...rest.map(({ sum }) => sum)) / lengthPenalty(space.length, alpha)
  const worst = best.length === beams ? best.at(-1) : undefined
  const decided = worst !== undefined && worst.score >= bound
  return rest.length === 0 || decided ? over(best) : { alive: rest, finished: best, over: false }
}

const over = (finished: readonly Hypothesis[]): Example => ({ alive: [], finished, over: true })

const extensionOf = (
  { tokens, logProbabilities, sum }: Alive,
  parent: number,
  token: number,
  log: number,
): Extension => ({
  token,
  parent,
  tokens: [...tokens, token],
  logProbabilities: [...logProbabilities, log],
  sum: sum + log,
})

/** A hypothesis that ends with its last token. */
const completeHypothesis = ({ tokens, ...extension }: Extension, alpha: number): Hypothesis => ({
  ...cutHypothesis({ ...extension, tokens: tokens.slice(0, -1) }, alpha),
  ended: true,
})

/** A hypothesis at the greatest length. */
const cutHypothesis = ({ tokens, logProbabilities, sum }: Alive, alpha: number): Hypothesis => ({
  tokens,
  ended: false,
  logProbabilities,
  score: sum / lengthPenalty(logProbabilities.length, alpha),
})

/** The `count` likeliest extensions. */
function bestExtensions(alive: readonly Predicted[], count: number): Extension[] {
  const best: { hypothesis: Predicted; parent: number; token: number; log: number; sum: number }[] = []
  for (const [parent, hypothesis] of alive.entries())
    hypothesis.logs.forEach((log, token) => {
      if (log === -Infinity) return
      const sum = hypothesis.sum + log
      const worst = best.length === count ? best.at(-1) : undefined
      if (worst !== undefined && !(sum > worst.sum)) return
      const place = best.findIndex((other) => sum > other.sum)
      best.splice(place < 0 ? best.length : place, 0, { hypothesis, parent, token, log, sum })
      if (best.length > count) best.pop()
    })
  return best.map(({ hypothesis, parent, token, log }) => extensionOf(hypothesis, parent, token, log))
}

/** The logarithms of a row's probabilities; −∞ for `begin`, which does not occur again. */
function logSoftmax(logits: ArrayLike<number>, from: number, { vocabulary, begin }: SearchSpace): Float64Array {
  const row = Float64Array.from({ length: vocabulary }, (_, i) => logits[from + i] ?? Number.NaN)
  const top = row.reduce((a, b) => Math.max(a, b))
  const total = Math.log(row.reduce((sum, z) => sum + Math.exp(z - top), 0))
  return row.map((z, token) => (token === begin ? -Infinity : z - top - total))
}
