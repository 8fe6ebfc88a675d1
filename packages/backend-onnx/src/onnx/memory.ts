import { type OnnxModel, type OnnxNode, readsOf } from "./model.ts"
import { valueShapes } from "./shapes.ts"

/** Operators whose output is their input under another shape. */
const views: ReadonlySet<string> = new Set(["Reshape", "Identity"])

/** Operators that may write their output over an input that nothing reads later. */
const overwriting: ReadonlySet<string> = new Set([
  "Add",
  "Sub",
  "Mul",
  "Div",
  "Max",
  "Exp",
  "Log",
  "Sqrt",
  "Erf",
  "Sin",
  "Cos",
  "Tanh",
  "Relu",
  "Neg",
  "Abs",
  "Softmax",
])

/**
 * The order in which ONNX Runtime runs the nodes of a model: depth first from the last node without readers, and of a
 * node's inputs the last one first.
 */
export function runOrder(nodes: readonly OnnxNode[]): readonly OnnxNode[] {
  const producers = new Map<string, number>()
  for (const [i, { outputs }] of nodes.entries()) for (const name of outputs) producers.set(name, i)
  const before = nodes.map((node) => [...new Set(readsOf(node).flatMap((name) => producers.get(name) ?? []))])
  const readers = new Set(before.flat())
  const stack = nodes.flatMap((_, i) => (readers.has(i) ? [] : [{ at: i, leaving: false }]))
  const entered = new Set<number>()
  const order: OnnxNode[] = []
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const node = nodes[top.at]
    if (node === undefined) continue
    if (top.leaving) order.push(node)
    else if (!entered.has(top.at)) {
      entered.add(top.at)
      stack.push({ at: top.at, leaving: true })
      const inputs = (before[top.at] ?? []).filter((at) => !entered.has(at)).toSorted((a, b) => a - b)
      stack.push(...inputs.map((at) => ({ at, leaving: false })))
    }
  }
  return order
}

/** The greatest number of bytes that a run of a model takes for values between its nodes, without inputs and outputs. */
export function runBytes(model: OnnxModel): number {
  const shapes = valueShapes(model)
  const outside = new Set([...model.inputs, ...model.outputs, ...model.initializers].map(({ name }) => name))
  const nodes = runOrder(model.nodes)
  const memory = new Map<string, string>()
  const memoryOf = (name: string): string => memory.get(name) ?? name
  for (const {
    op,
    inputs: [input],
    outputs: [output],
  } of nodes)
    if (views.has(op) && input !== undefined && output !== undefined && !outside.has(output))
      memory.set(output, memoryOf(input))
  const uses = new Map<string, number>()
  for (const node of nodes)
    for (const name of new Set(readsOf(node).map(memoryOf))) uses.set(name, (uses.get(name) ?? 0) + 1)
  const bytesOf = (name: string): number => {
    const { shape, width } = shapes.get(name) ?? { shape: [0], width: 0 }
    return shape.reduce((a, b) => a * b, width)
  }
  let live = 0
  let peak = 0
  const held = new Map<string, number>()
  for (const node of nodes) {
    const { op, outputs } = node
    const reads = [...new Set(readsOf(node).map(memoryOf))]
    const dying = reads.filter((name) => uses.get(name) === 1 && held.has(name))
    for (const output of outputs) {
      if (output === "" || outside.has(output) || memory.has(output) || !uses.has(output)) continue
      const bytes = bytesOf(output)
      const over = overwriting.has(op) ? dying.findIndex((name) => held.get(name) === bytes) : -1
      const [input] = over === -1 ? [] : dying.splice(over, 1)
      if (input === undefined) live += bytes
      else held.delete(input)
      held.set(output, bytes)
    }
    peak = Math.max(peak, live)
    for (const name of reads) {
      const left = (uses.get(name) ?? 0) - 1
      uses.set(name, left)
      if (left > 0) continue
      live -= held.get(name) ?? 0
      held.delete(name)
    }
  }
  return peak
}
