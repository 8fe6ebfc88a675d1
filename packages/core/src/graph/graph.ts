import { VitrineError } from "../errors.ts"
import { bindDim, sameShape, showShape } from "../tensor/shape.ts"
import type { Node, OpName, Ops, Tensor, TensorType } from "../tensor/tensor.ts"

/** The number of a value: an output of a node of the graph. */
export type ValueId = number

export interface GraphNode<K extends OpName = OpName> {
  readonly op: K
  readonly attributes: Ops[K]
  readonly inputs: readonly ValueId[]
  readonly outputs: readonly ValueId[]
}

/**
 * A program as plain data: it can be cloned to a worker, hashed, cached and printed. Nodes stand in an order in which
 * they can run; nothing in it is dead or computed twice.
 */
export interface Graph {
  readonly nodes: readonly GraphNode[]
  /** The type of every value, by its number. */
  readonly values: readonly TensorType[]
  readonly inputs: Readonly<Record<string, ValueId>>
  readonly states: Readonly<Record<string, ValueId>>
  readonly outputs: Readonly<Record<string, ValueId>>
  /** New values of state slots, written when all else has run. */
  readonly updates: Readonly<Record<string, ValueId>>
}

export interface GraphOutputs {
  readonly outputs?: Readonly<Record<string, Tensor>>
  readonly updates?: Readonly<Record<string, Tensor>>
}

/**
 * Everything that `outputs` and `updates` need, sorted, with common subexpressions computed once.
 * @throws VitrineError (shape) when one name is used for two different inputs or slots, or an update does not fit its slot.
 */
export function graph({ outputs = {}, updates = {} }: GraphOutputs): Graph {
  const nodes: GraphNode[] = []
  const values: TensorType[] = []
  const inputs: Record<string, ValueId> = {}
  const states: Record<string, ValueId> = {}
  const seen = new Map<string, readonly ValueId[]>()
  const constants = new Map<object, number>()
  const ids = new Map<Node, readonly ValueId[]>()

  const number = (node: Node): void => {
    const read = node.inputs.map(id)
    if (node.op === "stopGradient") {
      ids.set(node, read)
      return
    }
    const key = keyOf(node, read, constants)
    const known = seen.get(key)
    if (known !== undefined) {
      ids.set(node, known)
      return
    }
    const written = node.outputs.map((type) => values.push({ shape: type.shape, dtype: type.dtype }) - 1)
    seen.set(key, written)
    ids.set(node, written)
    nodes.push({ op: node.op, attributes: node.attributes, inputs: read, outputs: written })
    const leaves = node.op === "input" ? inputs : node.op === "state" ? states : undefined
    if (leaves === undefined) return
    const { name } = node.attributes as Ops["input"]
    if (Object.hasOwn(leaves, name)) throw new VitrineError("shape", `two different ${node.op}s are named "${name}"`)
    leaves[name] = written[0] as ValueId
  }
  const id = (t: Tensor): ValueId => (ids.get(t.node) as readonly ValueId[])[t.index] as ValueId

  const roots = [...Object.values(outputs), ...Object.values(updates)]
  for (const node of sortedNodes(roots)) number(node)

  const ended = (named: Readonly<Record<string, Tensor>>): Record<string, ValueId> =>
    Object.fromEntries(Object.entries(named).map(([name, t]) => [name, id(t)]))
  const result: Graph = { nodes, values, inputs, states, outputs: ended(outputs), updates: ended(updates) }
  for (const [name, value] of Object.entries(result.updates)) {
    const slot = values[states[name] ?? -1]
    const next = values[value] as TensorType
    if (slot !== undefined && !sameShape(slot.shape, next.shape))
      throw new VitrineError(
        "shape",
        `state "${name}" is ${showShape(slot.shape)}, its update ${showShape(next.shape)}`,
      )
  }
  return result
}

/** The nodes that `roots` depend on, each after its inputs; without recursion, since a model may be deep. */
export function sortedNodes(roots: readonly Tensor[]): Node[] {
  const order: Node[] = []
  const entered = new Set<Node>()
  const left = new Set<Node>()
  const stack = roots.map((t) => t.node).reverse()
  for (let node = stack.at(-1); node !== undefined; node = stack.at(-1)) {
    if (entered.has(node)) {
      stack.pop()
      if (!left.has(node)) {
        left.add(node)
        order.push(node)
      }
    } else {
      entered.add(node)
      for (let i = node.inputs.length - 1; i >= 0; i--) {
        const before = (node.inputs[i] as Tensor).node
        if (!entered.has(before)) stack.push(before)
      }
    }
  }
  return order
}

/** Equal keys mean equal values: same op, same attributes, same inputs. Constants are equal when they share memory. */
function keyOf(node: Node, inputs: readonly ValueId[], constants: Map<object, number>): string {
  const attributes = JSON.stringify(node.attributes, (_, value: unknown) => {
    if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value) // JSON has no -0, NaN, Infinity
    if (!ArrayBuffer.isView(value)) return value
    const known = constants.get(value) ?? constants.size
    constants.set(value, known)
    return `@${known}`
  })
  const types = node.outputs.map(({ shape, dtype }) => `${dtype}${showShape(shape)}`).join()
  return `${node.op} ${attributes} ${types} ${inputs.join()}`
}

/** The same graph at one batch size: no dimension is named any more. */
export function bindBatch(source: Graph, batch: number | undefined): Graph {
  if (batch !== undefined && !(Number.isInteger(batch) && batch >= 1))
    throw new VitrineError("shape", `the batch size must be a positive integer, got ${batch}`)
  const values = source.values.map(({ shape, dtype }) => ({ shape: shape.map((dim) => bindDim(dim, batch)), dtype }))
  return { ...source, values }
}

/** After which node each value is read for the last time; outputs and updates live to the end. */
export function lastUses(g: Graph): readonly number[] {
  const last = new Array<number>(g.values.length).fill(-1)
  g.nodes.forEach((node, i) => {
    for (const value of [...node.outputs, ...node.inputs]) last[value] = i
  })
  for (const value of [...Object.values(g.outputs), ...Object.values(g.updates)]) last[value] = g.nodes.length
  return last
}

/** A listing to read, one node a line. */
export function printGraph(g: Graph): string {
  const type = (value: ValueId): string => {
    const { shape, dtype } = g.values[value] as TensorType
    return `%${value}: ${dtype}${showShape(shape)}`
  }
  const lines = g.nodes.map(({ op, attributes, inputs, outputs }) => {
    const told = Object.entries(attributes).map(([k, v]) => `${k}=${ArrayBuffer.isView(v) ? "…" : JSON.stringify(v)}`)
    return `${outputs.map(type).join(", ")} = ${op}(${[...inputs.map((value) => `%${value}`), ...told].join(", ")})`
  })
  const named = (what: string, record: Readonly<Record<string, ValueId>>): string[] =>
    Object.entries(record).map(([name, value]) => `${what} ${name} = %${value}`)
  return [...lines, ...named("output", g.outputs), ...named("update", g.updates)].join("\n")
}
