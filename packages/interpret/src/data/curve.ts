/** The fields of an evaluation that hold its score, and their names: a share of correct answers, or COCO's AP. */
export const curveScores = { top1: "accuracy", exact: "share of exact lines", ap: "AP" } as const

type Measure = keyof typeof curveScores

const measures: readonly Measure[] = ["top1", "exact", "ap"]

/** An evaluation during a run. */
export interface CurveEvaluation {
  readonly step: number
  /** Absent if it was not measured. */
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
  /** Present if the evaluations are of test data, by which no checkpoint is chosen. */
  readonly split?: "test"
}

/**
 * The curves of a run: loss and learning rate of each step, loss and score of each evaluation.
 * @param metrics the lines of `metrics.jsonl`, or events of a run; other types of lines and events are ignored
 */
export function learningCurve(metrics: Iterable<object>): Curve {
  const steps: { step: number; loss: number; learningRate: number }[] = []
  const evaluations: CurveEvaluation[] = []
  let measure: Measure = "top1"
  let isTest = false
  for (const event of metrics) {
    const { type, step, loss, learningRate, ...rest }: Readonly<Record<string, unknown>> = { ...event }
    if (!isNumber(step)) continue
    if (type === "step" && isNumber(loss) && isNumber(learningRate)) steps.push({ step, loss, learningRate })
    if (type !== "evaluation") continue
    const field = measures.find((name) => isNumber(rest[name]))
    const score = field && rest[field]
    // AP is −1 if there are no objects to find.
    if (field === undefined || !isNumber(score) || score < 0) continue
    measure = field
    isTest ||= rest["split"] === "test"
    evaluations.push({ step, ...(isNumber(loss) && { loss }), score })
  }
  return { steps, measure, evaluations, ...(isTest && { split: "test" as const }) }
}

/**
 * The evaluation with the highest score, or undefined if there is none. Of equal scores the lowest loss decides, and of
 * equal losses the latest evaluation. Without losses the first evaluation is chosen.
 */
export function bestOf(evaluations: readonly CurveEvaluation[]): CurveEvaluation | undefined {
  return evaluations.reduce<CurveEvaluation | undefined>(
    (a, b) => (a === undefined || b.score > a.score || (b.score === a.score && isTieBreak(b, a)) ? b : a),
    undefined,
  )
}

const isTieBreak = ({ loss }: CurveEvaluation, { loss: other }: CurveEvaluation): boolean =>
  loss !== undefined && other !== undefined && loss <= other

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value)

/** A point of a learning curve. */
export type Point = readonly [x: number, y: number]

/** A moving average with a triangular weight, at no more than `count` points. */
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

/** At most `count` of the points, evenly spaced, with the first and the last. */
export function thinCurve(points: readonly Point[], count: number): Point[] {
  return evenIndices(points.length, count).flatMap((at) => points.slice(at, at + 1))
}

/** At most `count` indices of `length` items, evenly spaced, with the first and the last. */
function evenIndices(length: number, count: number): number[] {
  const places = Math.min(length, count)
  return Array.from({ length: places }, (_, i) => (places === 1 ? 0 : Math.round((i * (length - 1)) / (places - 1))))
}
