import { VitrineError } from "../errors.ts"
import { sortedNodes } from "../graph/graph.ts"
import { add, cast, full } from "../tensor/ops.ts"
import { sameShape, showShape } from "../tensor/shape.ts"
import { type Node, type OpName, outputsOf, type Tensor } from "../tensor/tensor.ts"
import { type OutputGrads, rules } from "./rules.ts"

/** Ops that pass no gradient to their inputs: leaves, comparisons, random masks and `stopGradient`. */
const constantOps: ReadonlySet<OpName> = new Set<OpName>([
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
 * Reverse-mode differentiation: the gradients of `outputs` to each tensor of `wrt`, as symbolic tensors of the same
 * shapes. A gradient is zero if no output depends on its tensor. `seeds` are the gradients to the outputs, ones by
 * default.
 * @throws VitrineError (shape) if a seed has another shape than its output, or an op has no rule.
 */
export function gradients(outputs: readonly Tensor[], wrt: readonly Tensor[], seeds?: readonly Tensor[]): Tensor[] {
  const order = sortedNodes(outputs)
  const sources = new Set(wrt.map((t) => t.node))
  const depends = new Set<Node>()
  for (const node of order)
    if (sources.has(node) || (!constantOps.has(node.op) && node.inputs.some((t) => depends.has(t.node))))
      depends.add(node)

  /** The gradients to each node's outputs, summed over the readers that the loop has reached. */
  const grads = new Map<Node, (Tensor | undefined)[]>()
  const accumulate = (t: Tensor, grad: Tensor): void => {
    const slots = grads.get(t.node) ?? t.node.outputs.map(() => undefined)
    const sum = slots[t.index]
    slots[t.index] = sum === undefined ? grad : sumOf(sum, grad)
    grads.set(t.node, slots)
  }
  for (const [i, t] of outputs.entries()) {
    const seed = seeds?.[i] ?? full(t.shape, 1)
    if (!sameShape(seed.shape, t.shape))
      throw new VitrineError(
        "shape",
        `gradients: seed ${i} is ${showShape(seed.shape)}, its output ${showShape(t.shape)}`,
      )
    accumulate(t, seed)
  }

  for (const node of order.reverse()) {
    const outputGrads = grads.get(node)
    if (outputGrads === undefined || !depends.has(node) || constantOps.has(node.op)) continue
    const inputGrads = applyRule(node, outputGrads)
    const inputs: readonly Tensor[] = node.inputs
    for (const [i, t] of inputs.entries()) {
      const make = inputGrads[i]
      if (make && depends.has(t.node)) accumulate(t, make())
    }
  }
  return wrt.map((t) => grads.get(t.node)?.[t.index] ?? full(t.shape, 0))
}

function applyRule<K extends OpName>(
  node: Node<K>,
  grads: readonly (Tensor | undefined)[],
): readonly ((() => Tensor) | null)[] {
  const rule = rules[node.op]
  if (rule === undefined) throw new VitrineError("shape", `gradients: ${node.op} cannot be differentiated again`)
  const { inputs, attributes } = node
  return rule(grads as OutputGrads[K], { inputs, outputs: outputsOf<K>(node), attributes })
}

/** Adds two gradients. Those in a storage dtype are added in float32. */
function sumOf(a: Tensor, b: Tensor): Tensor {
  return cast(add(cast(a, "float32"), cast(b, "float32")), a.dtype)
}
