import type { Graph } from "@vitrine/core"
import type { ValueId } from "@vitrine/core/backend"
import { isPointwise } from "./step.ts"

/** Ops whose first results may be stored in float16: what is random, counted or summed up stays as it is. */
const narrowed: ReadonlySet<string> = new Set([
  "matMul",
  "softmax",
  "softmaxGrad",
  "layerNorm",
  "layerNormGrad",
  "attention",
  "attentionGrad",
  "concat",
  "pad",
])

/** Rows that are narrower hold sums, losses and the like. */
const leastWidth = 8

/**
 * The values that a program stores in float16 where it is to: activations and their gradients, which have a row for each
 * example. Weights, their gradients and all that is handed out stay in float32.
 * @param g a graph whose batch is not bound.
 */
export function halves(g: Graph): ReadonlySet<ValueId> {
  const shown = new Set([...Object.values(g.outputs), ...Object.values(g.updates)])
  const found = new Set<ValueId>()
  for (const { op, outputs } of g.nodes) {
    if (!narrowed.has(op) && (!isPointwise(op) || op === "dropoutMask" || op === "cast")) continue
    for (const value of op === "attentionGrad" ? outputs : outputs.slice(0, 1)) {
      const { shape, dtype } = g.values[value] as Graph["values"][number]
      const isActivation = typeof shape[0] === "string" && shape.length > 1 && Number(shape.at(-1)) >= leastWidth
      if (dtype === "float32" && isActivation && !shown.has(value)) found.add(value)
    }
  }
  return found
}
