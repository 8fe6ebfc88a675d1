import { type OnnxModel, type OnnxNode, readsOf } from "../onnx/model.ts"

const elementwise: ReadonlySet<string> = new Set(["Add", "Sub", "Mul", "Div", "Max", "Where"])
/** Nodes whose output may share its input's memory. */
const views: ReadonlySet<string> = new Set(["Reshape", "Identity"])

export interface InPlaceSlot {
  readonly name: string
  readonly input: string | undefined
  readonly output: string
}

/**
 * The slots that an update may overwrite in place. The update must come from an element-wise node that runs, in any
 * order that the engine may choose, after all other nodes that read the slot.
 * @param slots the model's input and output of each slot
 */
export function inPlace(model: OnnxModel, slots: Iterable<InPlaceSlot>): ReadonlySet<string> {
  const producers = new Map<string, OnnxNode>()
  const readers = new Map<string, OnnxNode[]>()
  for (const node of model.nodes) {
    for (const name of node.outputs) producers.set(name, node)
    for (const name of readsOf(node)) readers.set(name, [...(readers.get(name) ?? []), node])
  }
  /** The nodes that read a value, or memory that the value may share. */
  const readersOf = (name: string): OnnxNode[] =>
    (readers.get(name) ?? []).flatMap((node) =>
      views.has(node.op) ? [node, ...node.outputs.flatMap(readersOf)] : [node],
    )
  /** A node and all nodes that must run before it. */
  const upTo = (last: OnnxNode): ReadonlySet<OnnxNode> => {
    const before = new Set<OnnxNode>([last])
    const stack = [last]
    for (let node = stack.pop(); node !== undefined; node = stack.pop())
      for (const name of readsOf(node)) {
        const producer = producers.get(name)
        if (producer !== undefined && !before.has(producer)) {
          before.add(producer)
          stack.push(producer)
        }
      }
    return before
  }
  const safe = new Set<string>()
  for (const { name, input, output } of slots) {
    const last = producers.get(output)
    if (input === undefined || last === undefined || !elementwise.has(last.op)) continue
    const before = upTo(last)
    if (readersOf(input).every((node) => before.has(node))) safe.add(name)
  }
  return safe
}
