import type { OnnxModel, OnnxNode } from "../onnx/model.ts"

const elementwise: ReadonlySet<string> = new Set(["Add", "Sub", "Mul", "Div", "Max", "Where"])
/** Nodes whose output may be their input's memory. */
const views: ReadonlySet<string> = new Set(["Reshape", "Identity"])

/**
 * The updates that may overwrite the slot they replace: those written by an element-wise node that comes after all
 * other nodes which read the slot, whatever order the engine chooses.
 */
export function inPlace(model: OnnxModel): ReadonlySet<string> {
  const producer = new Map<string, number>()
  const readers = new Map<string, number[]>()
  model.nodes.forEach((node, i) => {
    for (const name of node.outputs) producer.set(name, i)
    for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), i])
  })
  const readsOf = (name: string): number[] =>
    (readers.get(name) ?? []).flatMap((i) => {
      const node = model.nodes[i] as OnnxNode
      return views.has(node.op) ? [i, ...node.outputs.flatMap(readsOf)] : [i]
    })
  const comesBefore = (last: number): ReadonlySet<number> => {
    const before = new Set<number>([last])
    const stack = [last]
    for (let at = stack.pop(); at !== undefined; at = stack.pop())
      for (const name of model.nodes[at]?.inputs ?? []) {
        const i = producer.get(name)
        if (i !== undefined && !before.has(i)) {
          before.add(i)
          stack.push(i)
        }
      }
    return before
  }
  const safe = new Set<string>()
  for (const [slot, output] of Object.entries(model.names.updates)) {
    const input = model.names.states[slot]
    const last = producer.get(output)
    if (input === undefined || last === undefined || !elementwise.has(model.nodes[last]?.op ?? "")) continue
    const before = comesBefore(last)
    if (readsOf(input).every((i) => before.has(i))) safe.add(slot)
  }
  return safe
}
