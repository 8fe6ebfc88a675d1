import { VitrineError } from "../errors.ts"
import { bindDim, type Dim, sameShape, showShape } from "../tensor/shape.ts"
import {
  mapInputs,
  mapOutputs,
  type Node,
  type OpInputs,
  type OpName,
  type OpOutputs,
  type Ops,
  type Tensor,
  type TensorType,
} from "../tensor/tensor.ts"

/** The number of a value: an output of a node of the graph. */
export type ValueId = number

/** A node of a graph: an op, the values that it reads, and those that it makes. */
export type GraphNode<K extends OpName = OpName> = {
  [Op in K]: {
    readonly op: Op
    readonly attributes: Ops[Op]
    readonly inputs: OpInputs<ValueId>[Op]
    readonly outputs: OpOutputs<ValueId>[Op]
  }
}[K]

/**
 * A program as plain data, which can be cloned to a worker, hashed, cached and printed. Each node stands after the
 * nodes that it reads from. Outputs or updates depend on every node, and no two nodes compute the same.
 */
export interface Graph<D extends Dim = Dim> {
  readonly nodes: readonly GraphNode[]
  /** The type of every value, by its number. */
  readonly values: readonly TensorType<D>[]
  readonly inputs: Readonly<Record<string, ValueId>>
  readonly states: Readonly<Record<string, ValueId>>
  readonly outputs: Readonly<Record<string, ValueId>>
  /** New values of state slots. They are written after all nodes have run. */
  readonly updates: Readonly<Record<string, ValueId>>
}

/** A graph at one batch size. */
export type BoundGraph = Graph<number>

/** The type of a value. @throws RangeError for a number that is no value of the graph. */
export function typeOf<D extends Dim>(g: Graph<D>, value: ValueId): TensorType<D> {
  const type = g.values[value]
  if (type === undefined) throw new RangeError(`the graph has no value ${value}`)
  return type
}

/** The tensors that a graph computes: outputs by name, and the next values of state slots. */
export interface GraphOutputs {
  readonly outputs?: Readonly<Record<string, Tensor>>
  readonly updates?: Readonly<Record<string, Tensor>>
}

/**
 * Collects all nodes that `outputs` and `updates` need, sorts them and merges equal ones.
 * @throws VitrineError (shape) if two different inputs or slots have one name, or an update does not fit its slot.
 */
export function graph({ outputs = {}, updates = {} }: GraphOutputs): Graph {
  const nodes: GraphNode[] = []
  const values: TensorType[] = []
  /** The outputs of the first of several equal nodes, by the key that equal nodes share. */
  const merged = new Map<string, readonly ValueId[]>()
  const constants = new Map<object, number>()
  const ids = new Map<Node, readonly ValueId[]>()

  const id = ({ node, index }: Tensor): ValueId => {
    const value = ids.get(node)?.[index]
    if (value === undefined) throw new RangeError(`${node.op} stands after a node that reads it`)
    return value
  }
  const add = <K extends OpName>(node: Node<K>): readonly ValueId[] => {
    const inputs = mapInputs<K, Tensor, ValueId>(node, id)
    if (node.op === "stopGradient") return inputs
    const key = keyOf(node, inputs, constants)
    const equal = merged.get(key)
    if (equal !== undefined) return equal
    const outputs = mapOutputs<K, TensorType, ValueId>(node, ({ shape, dtype }) => values.push({ shape, dtype }) - 1)
    merged.set(key, outputs)
    nodes.push({ op: node.op, attributes: node.attributes, inputs, outputs } as GraphNode)
    return outputs
  }
  const roots = [...Object.values(outputs), ...Object.values(updates)]
  for (const node of sortedNodes(roots)) ids.set(node, add(node))

  const idsOf = (tensors: Readonly<Record<string, Tensor>>): Record<string, ValueId> =>
    Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, id(t)]))
  const result: Graph = {
    nodes,
    values,
    inputs: leaves(nodes, "input"),
    states: leaves(nodes, "state"),
    outputs: idsOf(outputs),
    updates: idsOf(updates),
  }
  for (const [name, value] of Object.entries(result.updates)) {
    const slot = result.states[name]
    if (slot === undefined) continue
    const [before, after] = [typeOf(result, slot).shape, typeOf(result, value).shape]
    if (!sameShape(before, after))
      throw new VitrineError("shape", `state "${name}" is ${showShape(before)}, its update ${showShape(after)}`)
  }
  return result
}

/** The values of all inputs, or all states, by name. */
function leaves(nodes: readonly GraphNode[], op: "input" | "state"): Record<string, ValueId> {
  const values: Record<string, ValueId> = {}
  for (const node of nodes) {
    if (node.op !== op) continue
    const { name } = node.attributes
    if (Object.hasOwn(values, name)) throw new VitrineError("shape", `two different ${op}s are named "${name}"`)
    const [value] = node.outputs
    values[name] = value
  }
  return values
}

/**
 * The nodes that `roots` depend on, each after its inputs. It uses no recursion, since a model may be too deep for the
 * stack.
 */
export function sortedNodes(roots: readonly Tensor[]): Node[] {
  const order: Node[] = []
  const entered = new Set<Node>()
  const done = new Set<Node>()
  const stack = roots.map((t) => t.node).reverse()
  for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
    if (entered.has(node)) {
      stack.pop()
      if (!done.has(node)) {
        done.add(node)
        order.push(node)
      }
    } else {
      entered.add(node)
      const inputs: readonly Tensor[] = node.inputs
      for (const { node: before } of inputs.toReversed()) if (!entered.has(before)) stack.push(before)
    }
  }
  return order
}

/**
 * A text for an op, its attributes and inputs. Equal texts mean equal values. Constants are equal if they share memory.
 */
function keyOf<K extends OpName>(node: Node<K>, inputs: readonly ValueId[], constants: Map<object, number>): string {
  const attributes = JSON.stringify(node.attributes, (_, value: unknown) => {
    if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value) // JSON has no -0, NaN, Infinity
    if (!ArrayBuffer.isView(value)) return value
    const number = constants.get(value) ?? constants.size
    constants.set(value, number)
    return `@${number}`
  })
  const outputs: readonly TensorType[] = node.outputs
  const types = outputs.map(({ shape, dtype }) => `${dtype}${showShape(shape)}`).join()
  return `${node.op} ${attributes} ${types} ${inputs.join()}`
}

/**
 * Replaces the batch dimension of a graph by a number.
 * @throws VitrineError (shape) for a size that is no positive integer, or for no size if the graph has a batch
 *   dimension.
 */
export function bindBatch(source: Graph, batch: number | undefined): BoundGraph {
  if (batch !== undefined && !(Number.isInteger(batch) && batch >= 1))
    throw new VitrineError("shape", `the batch size must be a positive integer, got ${batch}`)
  const values = source.values.map(({ shape, dtype }) => ({ shape: shape.map((dim) => bindDim(dim, batch)), dtype }))
  return { ...source, values }
}

/** For each value the index of the node that reads it last. For outputs and updates it is the number of nodes. */
export function lastUses(g: Graph): readonly number[] {
  const last = new Array<number>(g.values.length).fill(-1)
  for (const [i, node] of g.nodes.entries()) for (const value of [...node.outputs, ...node.inputs]) last[value] = i
  for (const value of [...Object.values(g.outputs), ...Object.values(g.updates)]) last[value] = g.nodes.length
  return last
}

/** Lists a graph for people to read, one node a line. */
export function printGraph(g: Graph): string {
  const typed = (value: ValueId): string => {
    const { shape, dtype } = typeOf(g, value)
    return `%${value}: ${dtype}${showShape(shape)}`
  }
  const lines = g.nodes.map(({ op, attributes, ...node }) => {
    const inputs: readonly ValueId[] = node.inputs
    const outputs: readonly ValueId[] = node.outputs
    const fields = Object.entries(attributes).map(([k, v]) => `${k}=${ArrayBuffer.isView(v) ? "…" : JSON.stringify(v)}`)
    return `${outputs.map(typed).join(", ")} = ${op}(${[...inputs.map((value) => `%${value}`), ...fields].join(", ")})`
  })
  const ends = (kind: string, values: Readonly<Record<string, ValueId>>): string[] =>
    Object.entries(values).map(([name, value]) => `${kind} ${name} = %${value}`)
  return [...lines, ...ends("output", g.outputs), ...ends("update", g.updates)].join("\n")
}
