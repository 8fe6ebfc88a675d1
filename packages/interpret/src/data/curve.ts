/** The fields of an evaluation that are a score, a share or COCO's AP, and their names. */
export const curveScores = { top1: "accuracy", exact: "share of exact lines", ap: "AP" } as const

type Measure = keyof typeof curveScores

const measures: readonly Measure[] = ["top1", "exact", "ap"]

/** An evaluation of a run. */
export interface CurveEvaluation {
  readonly step: number
  /** Absent where it was not measured. */
  readonly loss?: number
  /** From 0 to 1. */
  readonly score: number
}

/** The measurements of a run, by step. */
export interface Curve {
  readonly steps: readonly { readonly step: number; readonly loss: number; readonly learningRate: number }[]
  /** The field that the scores come from. */
  readonly measure: Measure
  readonly evaluations: readonly CurveEvaluation[]
}

/**
 * The curves of a run: loss and learning rate of each step, loss and score of each evaluation.
 * @param metrics the lines of `metrics.jsonl`, or events of a run; those of other types are passed over
 */
export function learningCurve(metrics: Iterable<object>): Curve {
  const steps: { step: number; loss: number; learningRate: number }[] = []
  const evaluations: CurveEvaluation[] = []
  let measure: Measure = "top1"
  for (const event of metrics) {
    const { type, step, loss, learningRate, ...rest }: Readonly<Record<string, unknown>> = { ...event }
    if (!isNumber(step)) continue
    if (type === "step" && isNumber(loss) && isNumber(learningRate)) steps.push({ step, loss, learningRate })
    if (type !== "evaluation") continue
    const field = measures.find((name) => isNumber(rest[name]))
    const score = field && rest[field]
    // AP is below 0 where there is nothing to find.
    if (field === undefined || !isNumber(score) || score < 0) continue
    measure = field
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

/** A moving average, weighted by a triangle, at no more than `count` points. */
export function smoothCurve(points: readonly Point[], count: number): Point[] {
  const reach = Math.max(1, Math.round(points.length / 40))
  return evenIndices(points.length, count).flatMap((at) =>
    points.slice(at, at + 1).map(([x]): Point => {
      const first = Math.max(0, at - reach)
      let sum = 0
      let total = 0
      for (const [i, [, y]] of points.slice(first, at + reach + 1).entries()) {
        const weight = reach + 1 - Math.abs(first + i - at)
        sum += weight * y
        total += weight
      }
      return [x, sum / total]
    }),
  )
}

/** At most `count` of the points, evenly spaced, both ends included. */
export function thinCurve(points: readonly Point[], count: number): Point[] {
  return evenIndices(points.length, count).flatMap((at) => points.slice(at, at + 1))
}

/** At most `count` of the indices of `length` items, evenly spaced, the first and the last included. */
function evenIndices(length: number, count: number): number[] {
  const places = Math.min(length, count)
  return Array.from({ length: places }, (_, i) => (places === 1 ? 0 : Math.round((i * (length - 1)) / (places - 1))))
}
