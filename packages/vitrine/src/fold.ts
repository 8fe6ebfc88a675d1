import { evaluateGraph } from "@vitrine/backend-reference"
import { type Graph, graph } from "@vitrine/core"
import { type GraphNode, type OpName, typeOf, unfold, type ValueId } from "@vitrine/core/backend"

/** A graph, and the values of its states. */
export interface FoldedGraph {
  readonly graph: Graph
  readonly constants: Readonly<Record<string, Float32Array>>
}

/** Ops that only move values. They stay in the graph, since engines compute them when they load a model. */
const moves: ReadonlySet<OpName> = new Set(["reshape", "transpose", "slice", "concat", "broadcastTo"])

/**
 * Computes once, in float64, the values that depend only on constant states, such as standardised kernels. So a running
 * model need not compute them. And float16 does not compute them either: in it the variances of small weights would
 * become 0.
 */
export function foldConstants(source: Graph, constants: FoldedGraph["constants"]): FoldedGraph {
  const names = foldedValues(source, constants)
  const values: Record<string, Float32Array> = { ...constants }
  for (const [value, name] of names) {
    const subgraph = graph(unfold({ ...source, outputs: { result: value }, updates: {} }))
    values[name] = Float32Array.from(evaluateGraph(subgraph, constants).result ?? [])
  }
  const states = Array.from(
    names,
    ([value, name]): GraphNode<"state"> => ({ op: "state", attributes: { name }, inputs: [], outputs: [value] }),
  )
  const rest = source.nodes.filter(({ outputs }) => !outputs.some((value) => names.has(value)))
  const folded = graph(unfold({ ...source, nodes: [...states, ...rest] }))
  const used = Object.entries(values).filter(([name]) => name in folded.states)
  return { graph: folded, constants: Object.fromEntries(used) }
}

/** The values that follow from constant states and that other nodes read, with a name for each. */
function foldedValues(source: Graph, constants: FoldedGraph["constants"]): Map<ValueId, string> {
  /** The values that follow from constants. Each is listed with one of those constants. */
  const origins = new Map<ValueId, string | undefined>()
  const computed = new Set<ValueId>()
  const names = new Map<ValueId, string>()
  const keep = (value: ValueId): void => {
    const origin = origins.get(value)
    if (computed.has(value) && origin !== undefined) names.set(value, `${origin}.folded.${value}`)
  }
  /** Whether a dimension of the value is the batch size, which is unknown. */
  const open = (value: ValueId): boolean => typeOf(source, value).shape.some((size) => typeof size !== "number")
  for (const { op, attributes, inputs, outputs } of source.nodes) {
    const name = op === "state" ? attributes.name : undefined
    const constant =
      name === undefined
        ? op !== "input" && inputs.every((value) => origins.has(value)) && !outputs.some(open)
        : Object.hasOwn(constants, name)
    if (!constant) {
      for (const value of inputs) keep(value)
      continue
    }
    const origin = name ?? inputs.map((value) => origins.get(value)).find((each) => each !== undefined)
    for (const value of outputs) {
      origins.set(value, origin)
      if (inputs.length > 0 && (!moves.has(op) || inputs.some((input) => computed.has(input)))) computed.add(value)
    }
  }
  for (const value of Object.values(source.outputs)) keep(value)
  return names
}
