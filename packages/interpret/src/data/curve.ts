/** What a run has measured, by step. */
export interface Curve {
  readonly steps: readonly { readonly step: number; readonly loss: number; readonly learningRate: number }[]
  readonly evaluations: readonly { readonly step: number; readonly loss: number; readonly top1: number }[]
}

/**
 * The curves of a run: loss and learning rate of each step, loss and accuracy of each evaluation.
 * @param metrics the lines of `metrics.jsonl`, or events of `train`; those of other types are passed over
 */
export function learningCurve(metrics: Iterable<object>): Curve {
  const steps: { step: number; loss: number; learningRate: number }[] = []
  const evaluations: { step: number; loss: number; top1: number }[] = []
  for (const event of metrics) {
    const { type, step, loss, learningRate, top1 } = event as Readonly<Record<string, unknown>>
    if (!isNumber(step) || !isNumber(loss)) continue
    if (type === "step" && isNumber(learningRate)) steps.push({ step, loss, learningRate })
    else if (type === "evaluation" && isNumber(top1)) evaluations.push({ step, loss, top1 })
  }
  return { steps, evaluations }
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value)

export type Point = readonly [x: number, y: number]

/** A moving average, weighted by a triangle, at no more than `count` places. */
export function smoothed(points: readonly Point[], count: number): Point[] {
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
export function thinned(points: readonly Point[], count: number): Point[] {
  if (points.length <= count) return [...points]
  return Array.from({ length: count }, (_, i) => points[Math.round((i * (points.length - 1)) / (count - 1))] as Point)
}
