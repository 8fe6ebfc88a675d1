import { VitrineError } from "@vitrine/core"

/** The last token of every hypothesis. The model predicts the next tokens from it. */
export interface NextToken {
  /** The number of tokens in each hypothesis so far, without `begin`. It is 0 in the first call, then 1, 2, … */
  readonly position: number
  /** The last token of each hypothesis, `[batch · beams]`. */
  readonly tokens: Int32Array
  /**
   * The parent of each hypothesis, `[batch · beams]`: the index, among the hypotheses of the same example in the
   * previous call, of the hypothesis that it extends. Null in the first call.
   */
  readonly parents: Int32Array | null
}

/** Options of the search for the most probable text. */
export interface SearchOptions {
  /** The number of hypotheses kept for each example; 1 for greedy decoding. */
  readonly beams?: number | undefined
  /** α of the length penalty; 0 for no penalty. The default is the paper's 0.6. */
  readonly lengthPenalty?: number | undefined
}

interface SearchSpace {
  readonly batch: number
  readonly vocabulary: number
  readonly begin: number
  readonly end: number
  /** The greatest number of tokens, with `end`. */
  readonly length: number
}

/** A decoded text. */
export interface Hypothesis {
  /** The tokens without `begin` and `end`. */
  readonly tokens: readonly number[]
  /** Whether the text ends with `end`. Otherwise it was cut at the greatest length. */
  readonly ended: boolean
  /** The natural logarithm of the probability of each token, and of `end` if the text has ended. */
  readonly logProbabilities: readonly number[]
  /** The sum of `logProbabilities` divided by the length penalty. Hypotheses are compared by it. */
  readonly score: number
}

/**
 * The length penalty of Wu et al. (2016, equation 14, without coverage), ((5 + length) / 6)^α. The logarithm of a
 * hypothesis' probability is divided by it. The length counts `end`.
 */
export function lengthPenalty(length: number, alpha: number): number {
  return ((5 + length) / 6) ** alpha
}

/**
 * Greedy decoding, or the beam search of tensor2tensor, which the paper uses:
 * - At each position the best 2 · beams extensions are ranked. Those that end join the finished hypotheses, and the
 *   best `beams` finished ones are kept. The best `beams` unfinished ones are extended further.
 * - The search of an example stops when `beams` hypotheses are finished and no unfinished one can beat the worst of
 *   them. The probability of an unfinished one cannot grow, and its penalty is at most that of the greatest length.
 * - At the greatest length, unfinished hypotheses count only if none of the example has finished.
 *
 * `begin` is never predicted. Equal extensions are ranked by the index of the hypothesis, then by token, smallest
 * first.
 * @param next computes the logits of the next tokens, `[batch · beams, vocabulary]`
 * @returns at most `beams` hypotheses of each example, best first
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

/** An unfinished hypothesis. */
interface Alive extends Pick<Hypothesis, "tokens" | "logProbabilities"> {
  /** The sum of `logProbabilities`. */
  readonly sum: number
  /** The index of the hypothesis that it extends. */
  readonly parent: number
}

const start: Alive = { tokens: [], logProbabilities: [], sum: 0, parent: 0 }

/** An unfinished hypothesis with the log probabilities of its next token. */
interface Predicted extends Alive {
  readonly logs: Float64Array
}

interface Example {
  readonly alive: readonly Alive[]
  /** Finished hypotheses, best first. */
  readonly finished: readonly Hypothesis[]
  readonly over: boolean
}

interface ExtensionOptions {
  readonly beams: number
  readonly alpha: number
  /** Whether this is the last position. */
  readonly last: boolean
}

/** A hypothesis extended by one token. */
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
  const unfinished = ranked.filter(({ token }) => token !== space.end).slice(0, beams)
  if (last) {
    const cut = unfinished.map((extension) => cutHypothesis(extension, alpha))
    return over(best.length > 0 ? best : cut.sort((a, b) => b.score - a.score))
  }
  const bound = Math.max(...unfinished.map(({ sum }) => sum)) / lengthPenalty(space.length, alpha)
  const worst = best.length === beams ? best.at(-1) : undefined
  const isDecided = worst !== undefined && worst.score >= bound
  return unfinished.length === 0 || isDecided ? over(best) : { alive: unfinished, finished: best, over: false }
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

/** Finishes a hypothesis whose last token is `end`. */
const completeHypothesis = ({ tokens, ...extension }: Extension, alpha: number): Hypothesis => ({
  ...cutHypothesis({ ...extension, tokens: tokens.slice(0, -1) }, alpha),
  ended: true,
})

/** Finishes a hypothesis at the greatest length. */
const cutHypothesis = ({ tokens, logProbabilities, sum }: Alive, alpha: number): Hypothesis => ({
  tokens,
  ended: false,
  logProbabilities,
  score: sum / lengthPenalty(logProbabilities.length, alpha),
})

/** The `count` most probable extensions, best first. */
function bestExtensions(alive: readonly Predicted[], count: number): Extension[] {
  const best: { hypothesis: Predicted; parent: number; token: number; log: number; sum: number }[] = []
  for (const [parent, hypothesis] of alive.entries())
    hypothesis.logs.forEach((log, token) => {
      if (log === -Infinity) return
      const sum = hypothesis.sum + log
      const worst = best.length === count ? best.at(-1) : undefined
      if (worst !== undefined && !(sum > worst.sum)) return
      const place = best.findIndex((extension) => sum > extension.sum)
      best.splice(place < 0 ? best.length : place, 0, { hypothesis, parent, token, log, sum })
      if (best.length > count) best.pop()
    })
  return best.map(({ hypothesis, parent, token, log }) => extensionOf(hypothesis, parent, token, log))
}

/** The log probabilities of a row. `begin` gets −∞, since it cannot occur again. */
function logSoftmax(logits: ArrayLike<number>, from: number, { vocabulary, begin }: SearchSpace): Float64Array {
  const row = Float64Array.from({ length: vocabulary }, (_, i) => logits[from + i] ?? Number.NaN)
  const top = row.reduce((a, b) => Math.max(a, b))
  const total = Math.log(row.reduce((sum, z) => sum + Math.exp(z - top), 0))
  return row.map((z, token) => (token === begin ? -Infinity : z - top - total))
}
