import { VitrineError } from "@vitrine/core"

/** What the model says of hypotheses: `[rows, vocabulary]` logits of the next token. */
export interface NextToken {
  /** How many tokens each hypothesis has so far, `begin` left out: 0, 1, 2 … in turn. */
  readonly position: number
  /** The last token of each hypothesis, `[batch · beams]`. */
  readonly tokens: Int32Array
  /** Which of the example's hypotheses of the call before each one goes on from, `[batch · beams]`; null in the first. */
  readonly parents: Int32Array | null
}

export interface SearchOptions {
  /** Hypotheses that are kept of each example; 1 takes the likeliest token each time. */
  readonly beams?: number | undefined
  /** α of the length penalty; 0 for none, and 0.6 unless told, as in the paper. */
  readonly lengthPenalty?: number | undefined
}

interface SearchSpace {
  readonly batch: number
  readonly vocabulary: number
  readonly begin: number
  readonly end: number
  /** The most tokens, `end` included. */
  readonly length: number
}

/** What was decoded. */
export interface Hypothesis {
  /** Without `begin` and `end`. */
  readonly tokens: readonly number[]
  /** Whether it came to an end; else it was cut off at the greatest length. */
  readonly ended: boolean
  /** Natural logarithm of the probability of each token, and of `end` if it ended. */
  readonly logProbabilities: readonly number[]
  /** By which hypotheses are compared: the sum of those, over the length penalty. */
  readonly score: number
}

/**
 * The length penalty of Wu et al. (2016, equation 14, without coverage), by which the logarithm of a hypothesis'
 * probability is divided: ((5 + length) / 6)^α, where the length counts `end` too.
 */
export function lengthPenalty(length: number, alpha: number): number {
  return ((5 + length) / 6) ** alpha
}

/**
 * Greedy decoding, or beam search as tensor2tensor's for the paper: each time the best 2 · beams ways to go on are ranked; of
 * these, those that end are put with the finished, of whom the best `beams` are kept, and the best `beams` others go on. It
 * is over when `beams` are finished and nothing that still goes on could beat the worst of them (its probability does not
 * grow, and its penalty not beyond that of the greatest length), or at the greatest length; there those that did not end
 * count only for an example of which none has. `begin` is never chosen. Equal ones are ranked by hypothesis and then token, the first first.
 * @returns for each example its hypotheses, the best first: `beams` at most.
 */
export async function beamSearch(
  next: (step: NextToken) => Promise<ArrayLike<number>>,
  space: SearchSpace,
  options: SearchOptions = {},
): Promise<Hypothesis[][]> {
  checkSearch(options)
  const { beams = 1, lengthPenalty: alpha = 0.6 } = options
  const { batch, vocabulary, length } = space
  const grow = beams === 1 ? greedy : beam
  const examples = Array.from({ length: batch }, (): Example => {
    const first = { tokens: [], logs: [], sum: 0, parent: 0 }
    return { alive: [first], finished: [], over: false }
  })
  for (let position = 0; position < length; position++) {
    const tokens = new Int32Array(batch * beams).fill(space.end)
    const parents = position === 0 ? null : new Int32Array(batch * beams)
    examples.forEach(({ alive, over }, i) => {
      if (over) return
      for (const [k, { tokens: own, parent }] of alive.entries()) {
        tokens[i * beams + k] = own.at(-1) ?? space.begin
        if (parents !== null) parents[i * beams + k] = parent
      }
    })
    const logits = await next({ position, tokens, parents })
    if (logits.length !== batch * beams * vocabulary)
      throw new VitrineError("shape", `search: ${logits.length} logits are not [${batch * beams}, ${vocabulary}]`)
    for (const [i, example] of examples.entries()) {
      if (example.over) continue
      const logs = example.alive.map((_, k) => logSoftmax(logits, (i * beams + k) * vocabulary, space))
      examples[i] = grow(example, logs, space, { beams, alpha, last: position + 1 === length })
    }
    if (examples.every(({ over }) => over)) break
  }
  return examples.map(({ finished }) =>
    finished.map(({ tokens, logs, ended, score }) => ({ tokens, ended, logProbabilities: logs, score })),
  )
}

/** @throws VitrineError (config) */
export function checkSearch({ beams = 1, lengthPenalty: alpha = 0.6 }: SearchOptions): void {
  if (!Number.isInteger(beams) || beams < 1 || beams > 1024)
    throw new VitrineError("config", `beams must be an integer from 1 to 1024, got ${beams}`)
  if (!(alpha >= 0 && alpha < 10)) throw new VitrineError("config", `lengthPenalty must be in [0, 10), got ${alpha}`)
}

interface Alive {
  readonly tokens: readonly number[]
  readonly logs: readonly number[]
  readonly sum: number
  /** Its place among the alive before it grew. */
  readonly parent: number
}

interface Finished extends Omit<Alive, "parent" | "sum"> {
  readonly ended: boolean
  readonly score: number
}

interface Example {
  readonly alive: readonly Alive[]
  /** The best first. */
  readonly finished: readonly Finished[]
  readonly over: boolean
}

interface Growth {
  readonly beams: number
  readonly alpha: number
  readonly last: boolean
}

/** A way to go on, by a token of an alive hypothesis. */
interface Step {
  readonly from: number
  readonly token: number
  readonly sum: number
}

function greedy({ alive: [one] }: Example, [logs]: Float64Array[], { end }: SearchSpace, growth: Growth): Example {
  const { tokens, logs: before, sum } = one as Alive
  const own = logs as Float64Array
  let token = 0
  for (let i = 1; i < own.length; i++) if ((own[i] as number) > (own[token] as number)) token = i
  const grown = grownBy([one as Alive], [own], { from: 0, token, sum: sum + (own[token] as number) })
  if (token === end) return over([finish({ tokens, logs: [...before, own[token] as number] }, grown.sum, true, growth)])
  return growth.last ? over([finish(grown, grown.sum, false, growth)]) : { alive: [grown], finished: [], over: false }
}

function beam({ alive, finished }: Example, logs: Float64Array[], space: SearchSpace, growth: Growth): Example {
  const { beams, alpha, last } = growth
  const ranked = bestSteps(alive, logs, 2 * beams)
  const ended = ranked
    .filter(({ token }) => token === space.end)
    .map((step) => {
      const { tokens, logs: before } = alive[step.from] as Alive
      const log = (logs[step.from] as Float64Array)[step.token] as number
      return finish({ tokens, logs: [...before, log] }, step.sum, true, growth)
    })
  const kept = [...finished, ...ended].sort((a, b) => b.score - a.score).slice(0, beams)
  const grown = ranked
    .filter(({ token }) => token !== space.end)
    .slice(0, beams)
    .map((step) => grownBy(alive, logs, step))
  if (last) {
    const cut = grown.map((each) => finish(each, each.sum, false, growth))
    return over(kept.length > 0 ? kept : cut.sort((a, b) => b.score - a.score))
  }
  const bound = Math.max(...grown.map(({ sum }) => sum)) / lengthPenalty(space.length, alpha)
  const decided = kept.length === beams && (kept.at(-1) as Finished).score >= bound
  return grown.length === 0 || decided ? over(kept) : { alive: grown, finished: kept, over: false }
}

const over = (finished: readonly Finished[]): Example => ({ alive: [], finished, over: true })

function grownBy(alive: readonly Alive[], logs: readonly Float64Array[], { from, token, sum }: Step): Alive {
  const { tokens, logs: before } = alive[from] as Alive
  const log = (logs[from] as Float64Array)[token] as number
  return { tokens: [...tokens, token], logs: [...before, log], sum, parent: from }
}

function finish(
  { tokens, logs }: Pick<Alive, "tokens" | "logs">,
  sum: number,
  ended: boolean,
  { alpha }: Growth,
): Finished {
  return { tokens, logs, ended, score: sum / lengthPenalty(logs.length, alpha) }
}

/** The likeliest `count` of all ways to go on. */
function bestSteps(alive: readonly Alive[], logs: readonly Float64Array[], count: number): Step[] {
  const best: Step[] = []
  alive.forEach(({ sum: before }, from) =>
    (logs[from] as Float64Array).forEach((log, token) => {
      if (log === -Infinity) return
      const sum = before + log
      if (best.length === count && !(sum > (best.at(-1) as Step).sum)) return
      let at = best.length
      while (at > 0 && sum > (best[at - 1] as Step).sum) at--
      best.splice(at, 0, { from, token, sum })
      if (best.length > count) best.pop()
    }),
  )
  return best
}

/** −∞ for `begin`, which does not come again. */
function logSoftmax(logits: ArrayLike<number>, from: number, { vocabulary, begin }: SearchSpace): Float64Array {
  const row = Float64Array.from({ length: vocabulary }, (_, i) => logits[from + i] as number)
  const top = row.reduce((a, b) => Math.max(a, b))
  const total = Math.log(row.reduce((sum, z) => sum + Math.exp(z - top), 0))
  return row.map((z, token) => (token === begin ? -Infinity : z - top - total))
}
