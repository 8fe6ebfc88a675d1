/** What tells how good a model is, by the field of its evaluations: a share, or COCO's AP. */
export const curveScores = { top1: "accuracy", exact: "share of exact lines", ap: "AP" } as const

/** A model of a run, as it was measured. */
export interface CurveEvaluation {
  readonly step: number
  /** Where it was measured. */
  readonly loss?: number
  /** From 0 to 1. */
  readonly score: number
}

/** What a run has measured, by step. */
export interface Curve {
  readonly steps: readonly { readonly step: number; readonly loss: number; readonly learningRate: number }[]
  /** What the scores are. */
  readonly measure: keyof typeof curveScores
  readonly evaluations: readonly CurveEvaluation[]
}

/**
 * The curves of a run: loss and learning rate of each step, loss and score of each evaluation.
 * @param metrics the lines of `metrics.jsonl`, or events of a run; those of other types are passed over
 */
export function learningCurve(metrics: Iterable<object>): Curve {
  const steps: { step: number; loss: number; learningRate: number }[] = []
  const evaluations: CurveEvaluation[] = []
  let measure: Curve["measure"] = "top1"
  for (const event of metrics) {
    const { type, step, loss, learningRate, ...rest } = event as Readonly<Record<string, unknown>>
    if (!isNumber(step)) continue
    if (type === "step" && isNumber(loss) && isNumber(learningRate)) steps.push({ step, loss, learningRate })
    if (type !== "evaluation") continue
    const own = (["top1", "exact", "ap"] as const).find((name) => isNumber(rest[name]))
    const score = own && rest[own]
    // AP is below 0 where there is nothing to find.
    if (!isNumber(score) || score < 0) continue
    measure = own ?? measure
    evaluations.push({ step, ...(isNumber(loss) && { loss }), score })
  }
  return { steps, measure, evaluations }
}

/** The first evaluation of the highest score; undefined where there is none. */
export function bestOf(evaluations: readonly CurveEvaluation[]): CurveEvaluation | undefined {
  return evaluations.reduce<CurveEvaluation | undefined>(
    (a, b) => (a === undefined || b.score > a.score ? b : a),
    undefined,
  )
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value)

export type Point = readonly [x: number, y: number]

/** A moving average, weighted by a triangle, at no more than `count` places. */
export function smoothCurve(points: readonly Point[], count: number): Point[] {
  const reach = Math.max(1, Math.round(points.length / 40))
  const places = Math.min(count, points.length)
  return Array.from({ length: places }, (_, i) => {
    const at = places === 1 ? 0 : Math.round((i * (points.length - 1)) / (places - 1))
    let sum = 0
    let total = 0
    for (let k = Math.max(0, at - reach); k <= Math.min(points.length - 1, at + reach); k++) {
      const weight = reach + 1 - Math.abs(k - at)
      sum += weight * (points[k] as Point)[1]
      total += weight
    }
    return [(points[at] as Point)[0], sum / total]
  })
}

/** At most `count` of the points, evenly taken, the ends included. */
export function thinCurve(points: readonly Point[], count: number): Point[] {
  if (points.length <= count) return [...points]
  return Array.from({ length: count }, (_, i) => points[Math.round((i * (points.length - 1)) / (count - 1))] as Point)
}
