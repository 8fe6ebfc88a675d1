import { evaluateGraph } from "@vitrine/backend-reference"
import { type Graph, graph } from "@vitrine/core"
import { type GraphNode, type OpName, unfold, type ValueId } from "@vitrine/core/backend"

/** A graph, and the values of its states. */
export interface Folded {
  readonly graph: Graph
  readonly constants: Readonly<Record<string, Float32Array>>
}

/** Ops that only move values: engines do these when they load a model. */
const moves: ReadonlySet<OpName> = new Set(["reshape", "transpose", "slice", "concat", "broadcastTo"])

/**
 * Computes what follows from constant states alone, such as standardised kernels, once and in float64: nothing is left of
 * it for when the model runs, nor for float16, which has no room for the variances of small weights.
 */
export function foldConstants(g: Graph, constants: Folded["constants"]): Folded {
  const wanted = frontier(g, constants)
  const folded: Record<string, Float32Array> = {}
  for (const [value, name] of wanted) {
    const { result } = evaluateGraph(graph(unfold({ ...g, outputs: { result: value }, updates: {} })), constants)
    folded[name] = Float32Array.from(result ?? [])
  }
  const states = Array.from(
    wanted,
    ([value, name]): GraphNode<"state"> => ({ op: "state", attributes: { name }, inputs: [], outputs: [value] }),
  )
  const rest = g.nodes.filter(({ outputs }) => !outputs.some((value) => wanted.has(value)))
  const made = graph(unfold({ ...g, nodes: [...states, ...rest] }))
  const all = { ...constants, ...folded }
  return {
    graph: made,
    constants: Object.fromEntries(Object.keys(made.states).map((name) => [name, all[name] as Float32Array])),
  }
}

/** The values that are computed from constant states, where others read them, with a name for each. */
function frontier(g: Graph, constants: Folded["constants"]): Map<ValueId, string> {
  /** Values that follow from constants, by a state among those. */
  const origins = new Map<ValueId, string | undefined>()
  const computed = new Set<ValueId>()
  const found = new Map<ValueId, string>()
  const want = (value: ValueId): void => {
    const origin = origins.get(value)
    if (computed.has(value) && origin !== undefined) found.set(value, `${origin}.folded.${value}`)
  }
  for (const { op, attributes, inputs, outputs } of g.nodes) {
    const name = op === "state" ? attributes.name : undefined
    const fixed =
      name === undefined
        ? op !== "input" && inputs.every((value) => origins.has(value))
        : Object.hasOwn(constants, name)
    if (!fixed) {
      for (const value of inputs) want(value)
      continue
    }
    const origin = name ?? inputs.map((value) => origins.get(value)).find((each) => each !== undefined)
    for (const value of outputs) {
      origins.set(value, origin)
      if (inputs.length > 0 && (!moves.has(op) || inputs.some((each) => computed.has(each)))) computed.add(value)
    }
  }
  for (const value of Object.values(g.outputs)) want(value)
  return found
}
