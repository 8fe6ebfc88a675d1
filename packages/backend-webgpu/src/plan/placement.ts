import { dimAt } from "@vitrine/core"
import { type BoundGraph, type GraphNode, typeOf, type ValueId } from "@vitrine/core/backend"
import { type Layout, reshaped, rowMajor, sliced, transposed } from "./view.ts"

/** The place of a value within the memory of another value, the holder. */
export interface Placement extends Layout {
  readonly holder: ValueId
}

/** The outputs that a kernel can write in any layout. */
function flexible(node: GraphNode): readonly ValueId[] {
  switch (node.op) {
    case "attention":
    case "matMul":
      return node.outputs.slice(0, 1)
    case "attentionGrad":
      return node.outputs
    default:
      return []
  }
}

/**
 * The values that kernels write directly to the places of their transposed, reshaped or concatenated forms. For
 * example, the heads of attention are joined without a kernel.
 */
export function placements(g: BoundGraph): ReadonlyMap<ValueId, Placement> {
  const placed = new Map<ValueId, Placement>()
  const chains = new Chains(g)
  for (const value of g.nodes.flatMap(flexible)) {
    const placement = chains.placementOf(value)
    if (placement !== undefined) placed.set(value, placement)
  }
  return placed
}

type Look = GraphNode<"transpose" | "reshape">

class Chains {
  readonly #graph: BoundGraph
  readonly #readers = new Map<ValueId, GraphNode[]>()

  constructor(graph: BoundGraph) {
    this.#graph = graph
    for (const node of graph.nodes)
      for (const value of node.inputs) this.#readers.set(value, [...this.#readersOf(value), node])
  }

  #readersOf(value: ValueId): readonly GraphNode[] {
    return this.#readers.get(value) ?? []
  }

  #shape(value: ValueId): readonly number[] {
    return typeOf(this.#graph, value).shape
  }

  /** The transposes and reshapes that follow a value, in order. */
  #chain(value: ValueId): readonly Look[] {
    const readers = this.#readersOf(value)
    const [next, ...others] = readers.filter((node) => node.op === "transpose" || node.op === "reshape")
    if (next === undefined || others.length > 0 || readers.some(({ op }) => op === "concat")) return []
    return [next, ...this.#chain(next.outputs[0])]
  }

  #isReadOnce(value: ValueId): boolean {
    return this.#readersOf(value).length === 1 && !Object.values(this.#graph.outputs).includes(value)
  }

  placementOf(value: ValueId): Placement | undefined {
    const chain = this.#chain(value)
    const end = chain.at(-1)?.outputs[0] ?? value
    const [reader, ...others] = this.#readersOf(end)
    const inner = [value, ...chain.slice(0, -1).map(({ outputs }) => outputs[0])]
    let layout: Placement | undefined
    if (reader?.op === "concat" && others.length === 0 && inner.every((each) => this.#isReadOnce(each)))
      layout = this.#partOf(reader, end)
    else if (chain.some(({ op }) => op === "transpose")) layout = this.#whole(end)
    for (const node of chain.toReversed()) layout = layout && this.#before(node, layout)
    // Kernels write rows, so the last axis must have no gaps.
    const together = layout?.shape.at(-1) === 1 || layout?.strides.at(-1) === 1
    return together ? layout : undefined
  }

  #whole(holder: ValueId): Placement {
    const shape = this.#shape(holder)
    return { holder, shape, strides: rowMajor(shape), offset: 0 }
  }

  /** The place of one input of a concatenation in its result. */
  #partOf({ inputs, outputs, attributes: { axis } }: GraphNode<"concat">, part: ValueId): Placement {
    const size = (value: ValueId): number => dimAt(this.#shape(value), axis)
    const start = inputs.slice(0, inputs.indexOf(part)).reduce((n, each) => n + size(each), 0)
    return sliced(this.#whole(outputs[0]), axis, start, size(part))
  }

  /** The place of a node's input, given the place of its output. */
  #before(node: Look, placement: Placement): Placement | undefined {
    if (node.op === "reshape") return reshaped(placement, this.#shape(node.inputs[0]))
    const { permutation } = node.attributes
    return transposed(
      placement,
      permutation.map((_, axis) => permutation.indexOf(axis)),
    )
  }
}
