import {
  graphCost,
  type Graph,
  type GraphNode,
  type OpName,
  type Ops,
  type TensorType,
  type ValueId,
} from "@vitrine/core"

/**
 * A graph cut so that a large batch can be run a few examples at a time, whose values fit into the processor's caches.
 * Whatever sums over the batch becomes a total: a state slot to which every slice adds.
 */
export interface Sliced {
  /** Each is run on all slices before the next: it reads the totals of those before it. */
  readonly stages: readonly Graph[]
  /** What remains to be done once, with the totals. */
  readonly rest: Graph
  readonly totals: Readonly<Record<string, TensorType>>
}

/** Rows of these are computed from the whole last axis. */
const alongLastAxis: ReadonlySet<OpName> = new Set([
  "softmax",
  "softmaxGrad",
  "layerNorm",
  "layerNormGrad",
  "attention",
  "attentionGrad",
])

/**
 * Cuts a graph, whose batch is not bound yet, into slices.
 * @returns undefined where that cannot be done, or would compute something large twice.
 */
export function slice(g: Graph): Sliced | undefined {
  const hasBatch = (value: ValueId): boolean => typeof g.values[value]?.shape[0] === "string"
  const producer = new Map<ValueId, number>()
  g.nodes.forEach((node, i) => {
    for (const value of node.outputs) producer.set(value, i)
  })

  const totals = new Map<ValueId, string>()
  for (const node of g.nodes) {
    if (node.outputs.some(hasBatch)) {
      const ranks = node.outputs.map((value) => g.values[value]?.shape.length ?? 0)
      if (alongLastAxis.has(node.op) && Math.max(...ranks) < 2) return undefined
      // Of several outputs only the gradients of LayerNorm's parameters are sums.
      const sums = node.outputs.filter((value) => !hasBatch(value))
      if (sums.length > 0 && node.op !== "layerNormGrad") return undefined
      for (const value of sums) totals.set(value, `(total ${totals.size})`)
    } else if (node.inputs.some(hasBatch)) {
      if (!sumsOverBatch(g, node)) return undefined
      for (const value of node.outputs) totals.set(value, `(total ${totals.size})`)
    }
  }

  /** How many totals must be known, one after the other, before a value can be computed. */
  const depth = new Map<ValueId, number>()
  const before = (value: ValueId): number => (depth.get(value) ?? 0) + (totals.has(value) ? 1 : 0)
  for (const node of g.nodes)
    for (const value of node.outputs) depth.set(value, Math.max(0, ...node.inputs.map(before)))
  const batchOutputs = Object.entries(g.outputs).filter(([, value]) => hasBatch(value))
  const perBatch = [...totals.keys(), ...batchOutputs.map(([, value]) => value)]
  if (perBatch.length === 0) return undefined
  const last = Math.max(...perBatch.map((value) => depth.get(value) as number))

  /** The nodes that `roots` need, without going behind totals. */
  const closure = (roots: readonly ValueId[], stop: (value: ValueId) => boolean): Set<number> => {
    const found = new Set<number>()
    const stack = [...roots]
    for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
      const i = producer.get(value) as number
      if (found.has(i)) continue
      found.add(i)
      stack.push(...(g.nodes[i] as GraphNode).inputs.filter((input) => !stop(input)))
    }
    return found
  }
  const isTotal = (value: ValueId): boolean => totals.has(value)
  const early = new Set<ValueId>()
  for (const i of closure(perBatch, isTotal))
    for (const value of g.nodes[i]?.inputs ?? []) if (isTotal(value)) early.add(value)
  const stageOf = (total: ValueId): number => (early.has(total) ? (depth.get(total) as number) : last)

  const stages = Array.from({ length: last + 1 }, (_, k): Graph => {
    const sums = [...totals.keys()].filter((value) => stageOf(value) === k)
    const outputs = Object.fromEntries(k === last ? batchOutputs : [])
    const kept = closure([...sums, ...Object.values(outputs)], isTotal)
    const made = subgraph(g, kept, totals)
    const values = [...made.values]
    const updates: Record<string, ValueId> = {}
    const nodes = [...made.nodes]
    const states = { ...made.states }
    for (const value of sums) {
      const name = totals.get(value) as string
      const type = g.values[value] as TensorType
      const [held, next] = [values.push(type) - 1, values.push(type) - 1]
      nodes.push({ op: "state", attributes: { name }, inputs: [], outputs: [held] })
      nodes.push({ op: "add", attributes: {}, inputs: [held, value], outputs: [next] })
      states[name] = held
      updates[name] = next
    }
    return { nodes, values, inputs: made.inputs, states, outputs, updates }
  })

  const restOutputs = Object.fromEntries(Object.entries(g.outputs).filter(([, value]) => !hasBatch(value)))
  const ends = [...Object.values(restOutputs), ...Object.values(g.updates)]
  const restNodes = closure(
    ends.filter((value) => !isTotal(value)),
    isTotal,
  )
  const rest: Graph = { ...subgraph(g, restNodes, totals, ends), outputs: restOutputs, updates: g.updates }

  const flops = (graphs: readonly Graph[]): number => graphs.reduce((sum, each) => sum + graphCost(each, 1).flops, 0)
  if (flops([...stages, rest]) > 1.02 * flops([g])) return undefined
  return {
    stages,
    rest,
    totals: Object.fromEntries([...totals].map(([value, name]) => [name, g.values[value] as TensorType])),
  }
}

/** Whether the node's value for a batch is the sum of its values for the parts of that batch. */
function sumsOverBatch(g: Graph, { op, inputs, attributes }: GraphNode): boolean {
  const hasBatch = inputs.map((value) => typeof g.values[value]?.shape[0] === "string")
  if (op === "sum") return (attributes as Ops["sum"]).axes.includes(0)
  if (op === "conv2dWeightGrad") return hasBatch.every(Boolean)
  if (op !== "matMul") return false
  const { transposeA, transposeB } = attributes as Ops["matMul"]
  return hasBatch.every(Boolean) && transposeA && !transposeB && g.values[inputs[0] ?? -1]?.shape.length === 2
}

/** Some nodes of a graph, in which totals that are read have become states. Values keep their numbers. */
function subgraph(
  g: Graph,
  kept: ReadonlySet<number>,
  totals: ReadonlyMap<ValueId, string>,
  ends: readonly ValueId[] = [],
): Graph {
  const nodes: GraphNode[] = g.nodes.filter((_, i) => kept.has(i))
  const made = new Set(nodes.flatMap((node) => node.outputs))
  const read = new Set([...nodes.flatMap((node) => node.inputs), ...ends])
  const given = [...totals].filter(([value]) => read.has(value) && !made.has(value))
  const leaves = given.map(
    ([value, name]): GraphNode => ({ op: "state", attributes: { name }, inputs: [], outputs: [value] }),
  )
  const only = (record: Readonly<Record<string, ValueId>>): Record<string, ValueId> =>
    Object.fromEntries(Object.entries(record).filter(([, value]) => made.has(value)))
  return {
    nodes: [...leaves, ...nodes],
    values: g.values,
    inputs: only(g.inputs),
    states: { ...only(g.states), ...Object.fromEntries(given.map(([value, name]) => [name, value])) },
    outputs: {},
    updates: {},
  }
}

/**
 * How many examples of a batch to run at a time: the fewest whose matrix products have `rows` rows, or an eighth of
 * that where no totals have to be kept. With fewer, reading the weights and writing the totals takes a share of the
 * time; with more, values are larger than they need to be.
 */
export function sliceSize({ stages, totals }: Sliced, batch: number, rows: number): number {
  const least = Object.keys(totals).length === 0 ? rows / 8 : rows
  const each = rowsPerExample(stages)
  for (let size = 1; size < batch; size++) if (batch % size === 0 && size * each >= least) return size
  return batch
}

/** The most rows that an example has in a matrix product with weights. */
function rowsPerExample(stages: readonly Graph[]): number {
  let most = 1
  for (const { nodes, values } of stages)
    for (const { op, inputs } of nodes) {
      const { shape } = values[inputs[0] ?? -1] ?? { shape: [] }
      if (typeof shape[0] !== "string" || !(op === "linear" || (op === "matMul" && shape.length === 2))) continue
      const times = shape[0] === "batch" ? 1 : Number(shape[0].slice("batch*".length))
      most = Math.max(
        most,
        shape.slice(1, -1).reduce<number>((n, dim) => n * (dim as number), times),
      )
    }
  return most
}
