import { type Dim, type Graph, graph, ops, type Tensor, type TensorType } from "@vitrine/core"
import {
  apply,
  elementCount,
  type GraphNode,
  mapInputs,
  mapOutputs,
  type OpName,
  sameShape,
  typeOf,
  type ValueId,
} from "@vitrine/core/backend"

// An optimizer does the same to every element of every parameter. As nodes of one graph that would be a dozen operators
// for each parameter, with temporaries as large as the parameter. So updates of equal form are taken out of the graph.
// Their slots lie one after the other in one buffer for each kind of slot, and a small graph runs over chunks of these.

/** Where the vectors of an update come from: slots of a state, or values that the rest of the graph computes. */
export interface Vector {
  /** The name of the input of the update's graph. Undefined for slots that it writes only. */
  readonly input?: string
  readonly kind: "slots" | "outputs"
  /** The slots, or the outputs of the rest, one for each member of the update. */
  readonly members: readonly string[]
  /** The output of the update's graph with the slots' next values. */
  readonly next?: string
  /** The number that the slots are filled with afterwards. */
  readonly fill?: number
}

/** One update of many slots: a graph over vectors of any length. */
export interface FlatUpdate {
  readonly graph: Graph
  readonly vectors: readonly Vector[]
  /** The inputs of the update's graph that are single numbers, and the inputs or outputs of the rest that give them. */
  readonly scalars: Readonly<Record<string, { readonly kind: "input" | "output"; readonly name: string }>>
  /** The type of each member. */
  readonly types: readonly TensorType<number>[]
}

/** A graph without its flat updates. */
export interface Flattened {
  /** The rest. It has further outputs for the values that the updates read. */
  readonly rest: Graph
  readonly updates: readonly FlatUpdate[]
}

const elementwise: ReadonlySet<OpName> = new Set<OpName>([
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
  "isFinite",
  "cast",
  "adamW",
])

/**
 * Takes the updates of equal form out of a graph.
 * @param constants the names of slots that are constants of the program
 */
export function flatten(g: Graph, constants: ReadonlySet<string> = new Set()): Flattened {
  const reading = new Reading(g)
  const updates = new Map<string, { readonly form: Form; readonly members: Member[] }>()
  for (const component of reading.components(constants)) {
    const form = formOf(g, component, reading)
    const member: Member = { shape: component.shape, leaves: form.leaves }
    const equal = updates.get(form.key)
    if (equal === undefined) updates.set(form.key, { form, members: [member] })
    else equal.members.push(member)
  }
  const outputs = new Map<string, ValueId>()
  const inputs = new Map(Object.entries(g.inputs).map(([name, value]) => [value, name]))
  const outputOf = (value: ValueId): string => {
    const name = `(flat ${value})`
    outputs.set(name, value)
    return name
  }
  const taken = new Set<string>()
  const flat = Array.from(updates.values(), ({ form, members }): FlatUpdate => {
    const vectors = form.leaves.map(({ input, next, fill }, i): Vector => {
      const values = members.map(({ leaves }) => leaves[i])
      const isSlot = form.leaves[i]?.slot !== undefined
      const names = values.map((leaf) => (isSlot ? (leaf?.slot ?? "") : outputOf(leaf?.value ?? -1)))
      if (next !== undefined || fill !== undefined) for (const name of names) taken.add(name)
      return {
        kind: isSlot ? "slots" : "outputs",
        members: names,
        ...(input === undefined ? {} : { input }),
        ...(next === undefined ? {} : { next }),
        ...(fill === undefined ? {} : { fill }),
      }
    })
    const scalars = form.scalars.map(([name, value]) => {
      const input = inputs.get(value)
      const source =
        input === undefined
          ? ({ kind: "output", name: outputOf(value) } as const)
          : ({ kind: "input", name: input } as const)
      return [name, source] as const
    })
    const types = members.map(({ shape }) => ({ shape, dtype: "float32" as const }))
    return { graph: form.graph, vectors, scalars: Object.fromEntries(scalars), types }
  })
  if (flat.length === 0) return { rest: g, updates: [] }
  const kept = Object.entries(g.updates).filter(([name]) => !taken.has(name))
  return { rest: without(g, Object.fromEntries(outputs), Object.fromEntries(kept)), updates: flat }
}

/** The nodes of one update, such as that of a parameter, its moments and its average. */
interface Component {
  readonly shape: readonly number[]
  readonly nodes: ReadonlySet<GraphNode>
  /** The slots that it updates, with their next values, in the graph's order. */
  readonly targets: readonly (readonly [slot: string, value: ValueId])[]
  /** The slots that it reads, and that the graph fills with a number afterwards. */
  readonly fills: ReadonlyMap<string, number>
}

/** What a graph reads where. */
class Reading {
  readonly #g: Graph
  readonly #producers = new Map<ValueId, GraphNode>()
  readonly #readers = new Map<ValueId, GraphNode[]>()
  readonly #outputs: ReadonlySet<ValueId>
  /** Values whose elements are all equal, from numbers alone. */
  readonly #uniform = new Set<ValueId>()
  /** Values that depend on a slot, element by element. */
  readonly #stateful = new Set<ValueId>()

  constructor(g: Graph) {
    this.#g = g
    this.#outputs = new Set(Object.values(g.outputs))
    for (const node of g.nodes) {
      for (const value of node.outputs) this.#producers.set(value, node)
      for (const value of node.inputs) {
        const list = this.#readers.get(value)
        if (list === undefined) this.#readers.set(value, [node])
        else list.push(node)
      }
      if (this.#isConstant(node)) for (const value of node.outputs) this.#uniform.add(value)
      const vectors = this.#vectors(node)
      const depends = node.op === "state" || (this.#isElementwise(node) && vectors.some((v) => this.#stateful.has(v)))
      if (depends) for (const value of node.outputs) this.#stateful.add(value)
    }
  }

  producer(value: ValueId): GraphNode {
    const node = this.#producers.get(value)
    if (node === undefined) throw new RangeError(`no node makes value ${value}`)
    return node
  }

  isScalar(value: ValueId): boolean {
    return typeOf(this.#g, value).shape.length === 0
  }

  isUniform(value: ValueId): boolean {
    return this.#uniform.has(value)
  }

  /** Whether the elements of a node's outputs are equal. */
  #isConstant(node: GraphNode): boolean {
    const { op } = node
    return op === "full" || ((op === "broadcastTo" || elementwise.has(op)) && this.#vectors(node).length === 0)
  }

  /** The inputs that are neither single numbers nor uniform. */
  #vectors(node: GraphNode): readonly ValueId[] {
    const inputs: readonly ValueId[] = node.inputs
    return inputs.filter((value) => !this.isScalar(value) && !this.#uniform.has(value))
  }

  /** Whether each element of a node's outputs depends on the elements at the same place, and on single numbers. */
  #isElementwise(node: GraphNode): boolean {
    const [first] = node.outputs
    if (!elementwise.has(node.op) || first === undefined) return false
    const { shape } = typeOf(this.#g, first)
    const isFixed = shape.length > 0 && shape.every((dim) => typeof dim === "number")
    const inputs: readonly ValueId[] = node.inputs
    return isFixed && inputs.every((value) => this.isScalar(value) || sameShape(typeOf(this.#g, value).shape, shape))
  }

  /** Whether a node can belong to an update: it reads slots, and at most one value besides. */
  #updates(node: GraphNode): boolean {
    if (!this.#isElementwise(node) || node.outputs.some((value) => this.#uniform.has(value))) return false
    const vectors = new Set(this.#vectors(node))
    const others = [...vectors].filter((value) => !this.#stateful.has(value))
    return others.length <= 1 && (vectors.size === 1 || others.length < vectors.size)
  }

  components(constants: ReadonlySet<string>): readonly Component[] {
    const g = this.#g
    const targets = new Map<ValueId, string[]>()
    for (const [slot, value] of Object.entries(g.updates)) targets.set(value, [...(targets.get(value) ?? []), slot])
    /** The component of a node, as a list that grows while it merges with others. */
    const owner = new Map<GraphNode, Set<GraphNode>>()
    for (const node of g.nodes.toReversed()) {
      if (!this.#updates(node)) continue
      const values: readonly ValueId[] = node.outputs
      const readers = values.flatMap((value) => this.#readers.get(value) ?? [])
      const isRead = readers.length > 0 || values.some((value) => targets.has(value))
      if (!isRead || values.some((value) => this.#outputs.has(value)) || !readers.every((r) => owner.has(r))) continue
      const merged = new Set<GraphNode>([node])
      for (const reader of readers) for (const each of owner.get(reader) ?? []) merged.add(each)
      for (const each of merged) owner.set(each, merged)
    }
    const order = new Map(Object.keys(g.updates).map((slot, i) => [slot, i]))
    const components = [...new Set(owner.values())].flatMap((nodes): Component[] => {
      const values = [...nodes].flatMap<ValueId>((node) => node.outputs)
      const slots = values.flatMap((value) => (targets.get(value) ?? []).map((slot) => [slot, value] as const))
      const [first] = slots
      if (first === undefined) return []
      const { shape } = typeOf(g, first[1])
      const isFixed = (dims: readonly Dim[]): dims is readonly number[] => dims.every((dim) => typeof dim === "number")
      if (!isFixed(shape)) return []
      const sorted = slots.toSorted(([a], [b]) => (order.get(a) ?? 0) - (order.get(b) ?? 0))
      return [{ shape, nodes, targets: sorted, fills: this.#fills(nodes, shape) }]
    })
    return this.#safe(components, constants).toSorted((a, b) => firstPlace(a, order) - firstPlace(b, order))
  }

  /** The slots that nodes read, and that are filled with a number. */
  #fills(nodes: ReadonlySet<GraphNode>, shape: readonly number[]): Map<string, number> {
    const fills = new Map<string, number>()
    for (const slot of this.#slotsRead(nodes)) {
      const value = this.#g.updates[slot]
      if (value === undefined) continue
      const { op, attributes } = this.producer(value)
      if (op === "full" && sameShape(typeOf(this.#g, value).shape, shape)) fills.set(slot, attributes.value)
    }
    return fills
  }

  #slotsRead(nodes: ReadonlySet<GraphNode>): ReadonlySet<string> {
    const slots = new Set<string>()
    for (const node of nodes)
      for (const value of this.#vectors(node)) {
        const producer = this.producer(value)
        if (producer.op === "state") slots.add(producer.attributes.name)
      }
    return slots
  }

  /**
   * The components that may run after all else: they have enough to do, their vectors are float32 slots or float32
   * values, at most one of them computed, and nothing else changes the slots that they read.
   */
  #safe(components: readonly Component[], constants: ReadonlySet<string>): Component[] {
    const g = this.#g
    const touched = new Map<string, number>()
    const slotsOf = ({ nodes, targets }: Component): ReadonlySet<string> =>
      new Set([...targets.map(([slot]) => slot), ...this.#slotsRead(nodes)])
    for (const component of components)
      for (const slot of slotsOf(component)) touched.set(slot, (touched.get(slot) ?? 0) + 1)
    return components.filter((component) => {
      const { nodes, shape, targets, fills } = component
      const own = new Set(targets.map(([slot]) => slot))
      const slotsRead = new Set<ValueId>()
      const computed = new Set<ValueId>()
      for (const node of nodes)
        for (const value of this.#vectors(node)) {
          const producer = this.producer(value)
          if (nodes.has(producer)) continue
          if (producer.op === "constant" || producer.op === "input") return false
          if (producer.op === "state") slotsRead.add(value)
          else computed.add(value)
        }
      const types = [...slotsRead, ...computed, ...targets.map(([, value]) => value)].map((value) => typeOf(g, value))
      const isPlain = types.every((type) => type.dtype === "float32" && sameShape(type.shape, shape))
      const isLarge = nodes.size > 1 || [...nodes].some(({ op }) => op === "adamW")
      const isFree = [...slotsOf(component)].every(
        (slot) =>
          touched.get(slot) === 1 &&
          !constants.has(slot) &&
          (own.has(slot) || fills.has(slot) || g.updates[slot] === undefined),
      )
      return isLarge && isPlain && isFree && computed.size <= 1 && elementCount(shape) > 0
    })
  }
}

const firstPlace = ({ targets: [first] }: Component, order: ReadonlyMap<string, number>): number =>
  first === undefined ? 0 : (order.get(first[0]) ?? 0)

/** A vector that a form reads or writes. */
interface Leaf {
  readonly value: ValueId
  readonly slot?: string
  input?: string
  next?: string
  readonly fill?: number
}

/** One of the components of a form, with its own leaves. */
interface Member {
  readonly shape: readonly number[]
  readonly leaves: readonly Leaf[]
}

/** What an update does, whatever its shape. Updates with equal keys have leaves in the same order. */
interface Form {
  readonly key: string
  readonly graph: Graph
  readonly leaves: readonly Leaf[]
  readonly scalars: readonly (readonly [input: string, value: ValueId])[]
}

function formOf(g: Graph, { nodes, targets, fills }: Component, reading: Reading): Form {
  const leaves: Leaf[] = []
  const scalars = new Map<ValueId, string>()
  const texts: string[] = []
  const tensors = new Map<ValueId, Tensor>()

  const leafTensor = (value: ValueId, slot: string | undefined): Tensor => {
    const input = `vector ${leaves.length}`
    const fill = slot === undefined ? undefined : fills.get(slot)
    leaves.push({ value, input, ...(slot === undefined ? {} : { slot }), ...(fill === undefined ? {} : { fill }) })
    texts.push(`${input} ${slot === undefined ? "computed" : `slot ${fill} ${targets.findIndex(([s]) => s === slot)}`}`)
    return ops.input(input, ["batch"])
  }
  const make = (value: ValueId): Tensor => {
    const node = reading.producer(value)
    if (reading.isScalar(value)) {
      if (node.op === "full") {
        texts.push(`number ${node.attributes.value}`)
        return ops.scalar(node.attributes.value)
      }
      const name = scalars.get(value) ?? `number ${scalars.size}`
      scalars.set(value, name)
      texts.push(`${name} is ${value}`)
      return ops.input(name, [])
    }
    if (!nodes.has(node) && !reading.isUniform(value))
      return leafTensor(value, node.op === "state" ? node.attributes.name : undefined)
    addNode(node)
    const made = tensors.get(value)
    if (made === undefined) throw new RangeError(`${node.op} does not make value ${value}`)
    return made
  }
  const addNode = <K extends OpName>(node: GraphNode<K>): void => {
    const inputs = mapInputs<K, ValueId, Tensor>(node, tensorOf)
    const types = mapOutputs<K, ValueId, TensorType>(node, (each) => ({
      shape: ["batch"],
      dtype: typeOf(g, each).dtype,
    }))
    texts.push(`${node.op} ${JSON.stringify(node.attributes)} ${JSON.stringify(types)}`)
    const results: readonly Tensor[] = apply<K>(node.op, inputs, node.attributes, types)
    const values: readonly ValueId[] = node.outputs
    for (const [i, result] of results.entries()) tensors.set(values[i] ?? -1, result)
  }
  const tensorOf = (value: ValueId): Tensor => {
    const known = tensors.get(value)
    if (known !== undefined) {
      texts.push(`again ${[...tensors.keys()].indexOf(value)}`)
      return known
    }
    const made = make(value)
    tensors.set(value, made)
    return made
  }
  const outputs: Record<string, Tensor> = {}
  for (const [i, [slot, value]] of targets.entries()) {
    const next = `next ${i}`
    outputs[next] = tensorOf(value)
    texts.push(next)
    const leaf = leaves.find((each) => each.slot === slot)
    if (leaf === undefined) leaves.push({ value, slot, next })
    else leaf.next = next
  }
  return { key: texts.join("\n"), graph: graph({ outputs }), leaves, scalars: Array.from(scalars, ([v, n]) => [n, v]) }
}

/** A graph with some of its updates, and with further outputs. */
function without(g: Graph, more: Readonly<Record<string, ValueId>>, updates: Readonly<Record<string, ValueId>>): Graph {
  const outputs = { ...g.outputs, ...more }
  const read = new Set<ValueId>([...Object.values(outputs), ...Object.values(updates)])
  const nodes: GraphNode[] = []
  for (const node of g.nodes.toReversed()) {
    if (!node.outputs.some((value) => read.has(value))) continue
    for (const value of node.inputs) read.add(value)
    nodes.push(node)
  }
  const live = (values: Readonly<Record<string, ValueId>>): Record<string, ValueId> =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => read.has(value)))
  return { nodes: nodes.reverse(), values: g.values, inputs: live(g.inputs), states: live(g.states), outputs, updates }
}
