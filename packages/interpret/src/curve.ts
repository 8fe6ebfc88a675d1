/** What a run has measured, by step. */
export interface Curve {
  readonly steps: readonly { readonly step: number; readonly loss: number; readonly learningRate: number }[]
  readonly evaluations: readonly { readonly step: number; readonly loss: number; readonly top1: number }[]
}

/** One line of `metrics.jsonl`, or an event of `train`. */
export type Metrics = { readonly type: string; readonly step?: unknown } & Readonly<Record<string, unknown>>

/** The curves of a run: loss and learning rate of each step, loss and accuracy of each evaluation. Other events are passed over. */
export function learningCurve(metrics: Iterable<Metrics>): Curve {
  const steps: { step: number; loss: number; learningRate: number }[] = []
  const evaluations: { step: number; loss: number; top1: number }[] = []
  for (const { type, step, loss, learningRate, top1 } of metrics)
    if (!isNumber(step) || !isNumber(loss)) continue
    else if (type === "step" && isNumber(learningRate)) steps.push({ step, loss, learningRate })
    else if (type === "evaluation" && isNumber(top1)) evaluations.push({ step, loss, top1 })
  return { steps, evaluations }
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value)
