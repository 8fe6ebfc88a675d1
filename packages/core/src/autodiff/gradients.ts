import { VitrineError } from "../errors.ts"
import { sortedNodes } from "../graph/graph.ts"
import { add, cast, full } from "../tensor/ops.ts"
import { sameShape, showShape } from "../tensor/shape.ts"
import { type Node, outputsOf, type Tensor } from "../tensor/tensor.ts"
import { type Rule, rules } from "./rules.ts"

/** Ops through which no gradient flows: leaves, comparisons, and what stops it. */
const constantOps: ReadonlySet<string> = new Set([
  "input",
  "state",
  "constant",
  "full",
  "greater",
  "isFinite",
  "dropoutMask",
  "stopGradient",
])

/**
 * The gradients of `outputs` to each of `wrt`, by reverse-mode differentiation, as symbolic tensors of the same
 * shapes; zeros where an output does not depend on one. `seeds` are the gradients to the outputs, ones by default.
 * @throws VitrineError (shape) for an op that has no rule.
 */
export function gradients(outputs: readonly Tensor[], wrt: readonly Tensor[], seeds?: readonly Tensor[]): Tensor[] {
  const order = sortedNodes(outputs)
  const wanted = new Set(wrt.map((t) => t.node))
  const depends = new Set<Node>()
  for (const node of order)
    if (wanted.has(node) || (!constantOps.has(node.op) && node.inputs.some((t) => depends.has(t.node))))
      depends.add(node)

  const grads = new Map<Node, (Tensor | undefined)[]>()
  const accumulate = (t: Tensor, grad: Tensor): void => {
    const slots = grads.get(t.node) ?? []
    const held = slots[t.index]
    slots[t.index] = held === undefined ? grad : sumOf(held, grad)
    grads.set(t.node, slots)
  }
  outputs.forEach((t, i) => {
    const seed = seeds?.[i] ?? full(t.shape, 1)
    if (!sameShape(seed.shape, t.shape))
      throw new VitrineError(
        "shape",
        `gradients: seed ${i} is ${showShape(seed.shape)}, its output ${showShape(t.shape)}`,
      )
    accumulate(t, seed)
  })

  for (const node of order.reverse()) {
    const given = grads.get(node)
    if (given === undefined || !depends.has(node) || constantOps.has(node.op)) continue
    const rule = rules[node.op] as Rule | undefined
    if (rule === undefined) throw new VitrineError("shape", `gradients: ${node.op} cannot be differentiated again`)
    const made = rule(given, { inputs: node.inputs, outputs: outputsOf(node), attributes: node.attributes })
    node.inputs.forEach((t, i) => {
      const make = made[i]
      if (make && depends.has(t.node)) accumulate(t, make())
    })
  }
  return wrt.map((t) => grads.get(t.node)?.[t.index] ?? full(t.shape, 0))
}

/** Values in a storage dtype are added in float32. */
function sumOf(a: Tensor, b: Tensor): Tensor {
  return cast(add(cast(a, "float32"), cast(b, "float32")), a.dtype)
}
