import type { Graph } from "@vitrine/core"
import { typeOf, type ValueId } from "@vitrine/core/backend"
import { isPointwise } from "./step.ts"

/** Ops besides those point by point whose first results may be stored in float16. */
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

/** Narrower rows hold sums, losses and the like, which stay in float32. */
const leastWidth = 8

/**
 * The values that a program with storage in float16 stores so: activations and their gradients, which have a row for each
 * example. Weights, their gradients and the results of the program stay in float32.
 * @param g a graph whose batch is not bound.
 */
export function halves(g: Graph): ReadonlySet<ValueId> {
  const results = new Set([...Object.values(g.outputs), ...Object.values(g.updates)])
  const narrow = new Set<ValueId>()
  for (const { op, outputs } of g.nodes) {
    if (!narrowed.has(op) && (!isPointwise(op) || op === "dropoutMask" || op === "cast")) continue
    for (const value of op === "attentionGrad" ? outputs : outputs.slice(0, 1)) {
      const { shape, dtype } = typeOf(g, value)
      const isActivation = typeof shape[0] === "string" && shape.length > 1 && Number(shape.at(-1)) >= leastWidth
      if (dtype === "float32" && isActivation && !results.has(value)) narrow.add(value)
    }
  }
  return narrow
}
