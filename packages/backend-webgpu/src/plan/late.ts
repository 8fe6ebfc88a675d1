import type { Graph } from "@vitrine/core"
import type { GraphNode, ValueId } from "@vitrine/core/backend"
import { numbers } from "./tensor.ts"
import { sizeOf } from "./view.ts"

/**
 * What only computes new values of slots, point by point, can be left to the end and written in place: an optimizer's
 * arithmetic. Such nodes are numbered by the connected set that they belong to, which becomes one kernel.
 */
export interface Late {
  /** The set of a node, by its index in the graph. */
  readonly sets: ReadonlyMap<number, number>
  /** The values that those nodes make. */
  readonly values: ReadonlySet<ValueId>
}

const arithmetic: ReadonlySet<string> = new Set([
  "add",
  "sub",
  "mul",
  "div",
  "maximum",
  "greater",
  "where",
  "neg",
  "exp",
  "log",
  "sqrt",
  "tanh",
])

const looks: ReadonlySet<string> = new Set(["reshape", "transpose", "broadcastTo", "slice", "split", "barrier"])

export function lateNodes(g: Graph): Late {
  const producer = new Map<ValueId, number>()
  const readers = new Map<ValueId, number[]>()
  g.nodes.forEach((node, i) => {
    for (const value of node.outputs) producer.set(value, i)
    for (const value of node.inputs) readers.set(value, [...(readers.get(value) ?? []), i])
  })
  const slotsOf = new Map<ValueId, string[]>()
  for (const [name, value] of Object.entries(g.updates)) slotsOf.set(value, [...(slotsOf.get(value) ?? []), name])
  const shown = new Set(Object.values(g.outputs))
  const shape = (value: ValueId): string => numbers(g.values[value] as Graph["values"][number]).join()
  const node = (i: number): GraphNode => g.nodes[i] as GraphNode

  const late = new Set<number>()
  for (let i = g.nodes.length - 1; i >= 0; i--) {
    const { op, inputs, outputs } = node(i)
    const value = outputs[0]
    const isNumber = g.values[value]?.dtype === "float32" || op === "greater"
    if (!arithmetic.has(op) || shown.has(value) || !isNumber) continue
    const read = readers.get(value) ?? []
    const sameSize = (reader: number): boolean => late.has(reader) && shape(node(reader).outputs[0]) === shape(value)
    const fits = (operand: ValueId): boolean =>
      shape(operand) === shape(value) || sizeOf(numbers(g.values[operand] as Graph["values"][number])) === 1
    if ((read.length > 0 || slotsOf.has(value)) && read.every(sameSize) && inputs.every(fits)) late.add(i)
  }

  const sets = connected(late, g, producer, shape)
  // A slot that a set writes may be read by that set alone, element by element; sets that read more run before.
  const base = (value: ValueId): ValueId => {
    const at = node(producer.get(value) as number)
    return looks.has(at.op) ? base(at.inputs[0] as ValueId) : value
  }
  const writers = new Map<string, number>()
  for (const [i, set] of sets)
    for (const value of node(i).outputs) for (const name of slotsOf.get(value) ?? []) writers.set(name, set)
  const demoted = new Set<number>()
  for (const [i, set] of sets)
    for (const value of node(i).inputs) {
      // Operands in memory are numbers; a condition is made within the set.
      if (g.values[value]?.dtype !== "float32" && sets.get(producer.get(value) as number) !== set) demoted.add(set)
      const origin = node(producer.get(base(value)) as number)
      if (origin.op !== "state") continue
      const writer = writers.get(origin.attributes.name)
      const direct = base(value) === value && shape(value) === shape(node(i).outputs[0])
      if (writer !== undefined && (writer !== set || !direct)) demoted.add(set)
    }
  for (const [i, set] of sets) if (demoted.has(set)) sets.delete(i)
  return { sets, values: new Set([...sets.keys()].flatMap((i) => node(i).outputs)) }
}

/** Numbers the sets of late nodes that read each other's values, as they are. */
function connected(
  late: ReadonlySet<number>,
  g: Graph,
  producer: ReadonlyMap<ValueId, number>,
  shape: (value: ValueId) => string,
): Map<number, number> {
  const parent = new Map<number, number>()
  const find = (i: number): number => {
    const up = parent.get(i) ?? i
    return up === i ? i : find(up)
  }
  for (const i of late) {
    const { inputs, outputs } = g.nodes[i] as GraphNode
    for (const value of inputs) {
      const from = producer.get(value) as number
      if (late.has(from) && shape(value) === shape(outputs[0])) parent.set(find(i), find(from))
    }
  }
  return new Map([...late].sort((a, b) => a - b).map((i) => [i, find(i)]))
}
