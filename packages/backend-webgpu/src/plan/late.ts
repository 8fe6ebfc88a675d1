import {
  type BoundGraph,
  elementCount,
  type GraphNode,
  type OpName,
  sameShape,
  typeOf,
  type ValueId,
} from "@vitrine/core/backend"

/**
 * The nodes that only compute next values of slots, point by point, such as an optimizer's arithmetic. They run at the
 * end and write in place. Nodes that read each other's values form a set, which becomes one kernel.
 */
export interface Late {
  /** The index of each node's set. */
  readonly sets: ReadonlyMap<GraphNode, number>
  /** The values that these nodes compute. */
  readonly values: ReadonlySet<ValueId>
}

const arithmetic = {
  add: true,
  sub: true,
  mul: true,
  div: true,
  maximum: true,
  greater: true,
  where: true,
  neg: true,
  exp: true,
  log: true,
  sqrt: true,
  tanh: true,
} satisfies { readonly [Op in OpName]?: true }

type ArithmeticNode = GraphNode<keyof typeof arithmetic>

const isArithmetic = (node: GraphNode): node is ArithmeticNode => Object.hasOwn(arithmetic, node.op)

/** The producers and readers of a graph's values. */
class Values {
  readonly graph: BoundGraph
  readonly #producers = new Map<ValueId, GraphNode>()
  readonly #readers = new Map<ValueId, GraphNode[]>()

  constructor(graph: BoundGraph) {
    this.graph = graph
    for (const node of graph.nodes) {
      for (const value of node.outputs) this.#producers.set(value, node)
      for (const value of node.inputs) this.#readers.set(value, [...this.readers(value), node])
    }
  }

  producer(value: ValueId): GraphNode {
    const node = this.#producers.get(value)
    if (node === undefined) throw new Error(`no node makes value ${value}`)
    return node
  }

  readers(value: ValueId): readonly GraphNode[] {
    return this.#readers.get(value) ?? []
  }

  haveOneShape(a: ValueId, b: ValueId): boolean {
    return sameShape(typeOf(this.graph, a).shape, typeOf(this.graph, b).shape)
  }

  isFloat(value: ValueId): boolean {
    return typeOf(this.graph, value).dtype === "float32"
  }

  /** The value at the beginning of a chain of views. */
  base(value: ValueId): ValueId {
    const node = this.producer(value)
    switch (node.op) {
      case "reshape":
      case "transpose":
      case "broadcastTo":
      case "slice":
      case "split":
      case "barrier":
        return this.base(node.inputs[0])
      default:
        return value
    }
  }
}

export function lateNodes(g: BoundGraph): Late {
  const values = new Values(g)
  const slotsOf = new Map<ValueId, string[]>()
  for (const [name, value] of Object.entries(g.updates)) slotsOf.set(value, [...(slotsOf.get(value) ?? []), name])
  const nodes = candidates(values, slotsOf)
  const sets = connected(nodes, values)
  const early = earlySets(sets, values, slotsOf)
  const late = new Map([...sets].filter(([, set]) => !early.has(set)))
  return { sets: late, values: new Set([...late.keys()].flatMap(({ outputs }) => outputs)) }
}

/** Arithmetic nodes whose values only slots and other candidates of the same shape read, in the graph's order. */
function candidates(values: Values, slotsOf: ReadonlyMap<ValueId, readonly string[]>): readonly ArithmeticNode[] {
  const { graph } = values
  const results = new Set(Object.values(graph.outputs))
  const late = new Set<GraphNode>()
  const nodes: ArithmeticNode[] = []
  for (const node of graph.nodes.toReversed()) {
    if (!isArithmetic(node)) continue
    const [value] = node.outputs
    if (results.has(value) || (!values.isFloat(value) && node.op !== "greater")) continue
    const readers = values.readers(value)
    const isLate = (reader: GraphNode): boolean =>
      isArithmetic(reader) && late.has(reader) && values.haveOneShape(reader.outputs[0], value)
    const fits = (operand: ValueId): boolean =>
      values.haveOneShape(operand, value) || elementCount(typeOf(graph, operand).shape) === 1
    const inputs: readonly ValueId[] = node.inputs
    if ((readers.length === 0 && !slotsOf.has(value)) || !readers.every(isLate) || !inputs.every(fits)) continue
    late.add(node)
    nodes.push(node)
  }
  return nodes.reverse()
}

/** Gives an index to each set of nodes that read each other's values. */
function connected(nodes: readonly ArithmeticNode[], values: Values): ReadonlyMap<ArithmeticNode, number> {
  const sets = new Map<GraphNode, ReadonlySet<ArithmeticNode>>()
  for (const node of nodes) {
    const inputs: readonly ValueId[] = node.inputs
    const producers = inputs
      .filter((value) => values.haveOneShape(value, node.outputs[0]))
      .map((value) => values.producer(value))
    const set = new Set([node, ...producers.flatMap((producer) => [...(sets.get(producer) ?? [])])])
    for (const member of set) sets.set(member, set)
  }
  const numbered = [...new Set(sets.values())].flatMap((set, number) =>
    [...set].map((node): [ArithmeticNode, number] => [node, number]),
  )
  return new Map(numbered)
}

/**
 * The sets that have to run with the other kernels. Only the late set that writes a slot may read it, and only element
 * by element. An operand in memory must hold numbers. A condition must be computed within the set.
 */
function earlySets(
  sets: ReadonlyMap<ArithmeticNode, number>,
  values: Values,
  slotsOf: ReadonlyMap<ValueId, readonly string[]>,
): ReadonlySet<number> {
  const writers = new Map<string, number>()
  for (const [{ outputs }, set] of sets)
    for (const value of outputs) for (const name of slotsOf.get(value) ?? []) writers.set(name, set)
  const setOf = (node: GraphNode): number | undefined => (isArithmetic(node) ? sets.get(node) : undefined)
  const early = new Set<number>()
  for (const [node, set] of sets)
    for (const value of node.inputs) {
      if (!values.isFloat(value) && setOf(values.producer(value)) !== set) early.add(set)
      const base = values.base(value)
      const origin = values.producer(base)
      if (origin.op !== "state") continue
      const writer = writers.get(origin.attributes.name)
      const isDirect = base === value && values.haveOneShape(value, node.outputs[0])
      if (writer !== undefined && (writer !== set || !isDirect)) early.add(set)
    }
  return early
}
