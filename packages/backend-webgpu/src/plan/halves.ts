import type { Graph } from "@vitrine/core"
import { typeOf, type ValueId } from "@vitrine/core/backend"
import { isPointwise } from "./step.ts"

/** Ops, besides the pointwise ones, whose first results may be stored in float16. */
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

/** Values with narrower rows, such as sums and losses, stay in float32. */
const leastWidth = 8

/**
 * The values that a program with float16 storage stores in float16: activations and their gradients, which have a row
 * for each example. Weights, their gradients and the program's results stay in float32.
 * @param g a graph with an open batch
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
