import { fixed, type Graph, type TensorType } from "@vitrine/core"
import { type GraphNode, graphCost, type OpName, parseDim, typeOf, type ValueId } from "@vitrine/core/backend"
import { lowered } from "../onnx/to-onnx.ts"

/**
 * A graph that is cut so that a few examples of a large batch run at a time. Their values fit into the processor's
 * caches. Each sum over the batch becomes a total: a state slot to which every slice adds its part.
 */
export interface Sliced {
  /**
   * The stages. Each runs on all slices before the next one begins, since a stage reads the totals of earlier stages.
   */
  readonly stages: readonly Graph[]
  /** The part that runs once after the stages, with the totals. */
  readonly rest: Graph
  readonly totals: Readonly<Record<string, TensorType>>
}

/** Ops that compute a row from the whole last axis. */
const alongLastAxis: ReadonlySet<OpName> = new Set<OpName>([
  "softmax",
  "softmaxGrad",
  "layerNorm",
  "layerNormGrad",
  "attention",
  "attentionGrad",
])

/**
 * Cuts a graph with an open batch into slices.
 * @returns undefined if the graph cannot be cut, or if slices would repeat a large computation.
 */
export function slice(g: Graph): Sliced | undefined {
  const totals = totalsOf(g)
  if (totals === undefined) return undefined
  const isTotal = (value: ValueId): boolean => totals.has(value)
  const producers = new Map<ValueId, GraphNode>()
  for (const node of g.nodes) for (const value of node.outputs) producers.set(value, node)

  /** For each value, the number of totals that must be computed before it, one after the other. */
  const depths = new Map<ValueId, number>()
  const depth = (value: ValueId): number => depths.get(value) ?? 0
  for (const node of g.nodes) {
    const inputs: readonly ValueId[] = node.inputs
    const deepest = Math.max(0, ...inputs.map((value) => depth(value) + (isTotal(value) ? 1 : 0)))
    for (const value of node.outputs) depths.set(value, deepest)
  }
  const batchOutputs = Object.entries(g.outputs).filter(([, value]) => hasBatch(g, value))
  const perBatch = [...totals.keys(), ...batchOutputs.map(([, value]) => value)]
  if (perBatch.length === 0) return undefined
  const last = Math.max(...perBatch.map(depth))

  /** The nodes from which values are computed. Totals count as given. */
  const nodesFor = (values: readonly ValueId[]): ReadonlySet<GraphNode> => {
    const nodes = new Set<GraphNode>()
    const stack = [...values]
    for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
      const node = producers.get(value)
      if (node === undefined || nodes.has(node)) continue
      nodes.add(node)
      for (const input of node.inputs) if (!isTotal(input)) stack.push(input)
    }
    return nodes
  }
  /** Totals from which a later stage computes rows of examples. */
  const early = new Set<ValueId>()
  for (const node of nodesFor(perBatch)) for (const value of node.inputs) if (isTotal(value)) early.add(value)
  const stageOf = (total: ValueId): number => (early.has(total) ? depth(total) : last)

  const stages = Array.from({ length: last + 1 }, (_, k): Graph => {
    const sums = [...totals].filter(([value]) => stageOf(value) === k)
    const outputs = Object.fromEntries(k === last ? batchOutputs : [])
    const selection = nodesFor([...sums.map(([value]) => value), ...Object.values(outputs)])
    return withTotals({ ...subgraph(g, selection, totals), outputs }, sums)
  })

  const restOutputs = Object.fromEntries(Object.entries(g.outputs).filter(([, value]) => !hasBatch(g, value)))
  const ends = [...Object.values(restOutputs), ...Object.values(g.updates)]
  const restNodes = nodesFor(ends.filter((value) => !isTotal(value)))
  const rest: Graph = { ...subgraph(g, restNodes, totals, ends), outputs: restOutputs, updates: g.updates }

  const flops = (graphs: readonly Graph[]): number => graphs.reduce((sum, each) => sum + graphCost(each, 1).flops, 0)
  if (flops([...stages, rest]) > 1.02 * flops([g])) return undefined
  return {
    stages,
    rest,
    totals: Object.fromEntries([...totals].map(([value, name]) => [name, typeOf(g, value)])),
  }
}

function hasBatch(g: Graph, value: ValueId): boolean {
  return typeof typeOf(g, value).shape[0] === "string"
}

/**
 * The values that are sums over the batch, with a name for each. It is undefined if a node uses the batch in another
 * way.
 */
function totalsOf(g: Graph): ReadonlyMap<ValueId, string> | undefined {
  const totals = new Map<ValueId, string>()
  for (const node of g.nodes) {
    const outputs: readonly ValueId[] = node.outputs
    const sums = outputs.filter((value) => !hasBatch(g, value))
    if (sums.length < outputs.length) {
      const ranks = outputs.map((value) => typeOf(g, value).shape.length)
      if (alongLastAxis.has(node.op) && Math.max(...ranks) < 2) return undefined
      // Of ops with several outputs only LayerNorm's gradient has outputs that are sums.
      if (sums.length > 0 && node.op !== "layerNormGrad") return undefined
    } else if (!node.inputs.some((value) => hasBatch(g, value))) continue
    else if (!sumsOverBatch(g, node)) return undefined
    for (const value of sums) totals.set(value, `(total ${totals.size})`)
  }
  return totals
}

/** Whether the node's value for a batch is the sum of its values for parts of the batch. */
function sumsOverBatch(g: Graph, node: GraphNode): boolean {
  switch (node.op) {
    case "sum":
      return node.attributes.axes.includes(0)
    case "conv2dWeightGrad":
      return node.inputs.every((value) => hasBatch(g, value))
    case "matMul": {
      const { transposeA, transposeB } = node.attributes
      const [a] = node.inputs
      const every = node.inputs.every((value) => hasBatch(g, value))
      return every && transposeA && !transposeB && typeOf(g, a).shape.length === 2
    }
    default:
      return false
  }
}

/** The graph of a stage. It adds its sums to the slots of the totals. */
function withTotals(g: Graph, sums: readonly (readonly [ValueId, string])[]): Graph {
  const nodes = [...g.nodes]
  const values = [...g.values]
  const states = { ...g.states }
  const updates: Record<string, ValueId> = {}
  for (const [value, name] of sums) {
    const type = typeOf(g, value)
    const [before, after] = [values.push(type) - 1, values.push(type) - 1]
    nodes.push({ op: "state", attributes: { name }, inputs: [], outputs: [before] })
    nodes.push({ op: "add", attributes: {}, inputs: [before, value], outputs: [after] })
    states[name] = before
    updates[name] = after
  }
  return { ...g, nodes, values, states, updates }
}

/** A graph of some nodes. The totals that they read become states. Values keep their numbers. */
function subgraph(
  g: Graph,
  selection: ReadonlySet<GraphNode>,
  totals: ReadonlyMap<ValueId, string>,
  ends: readonly ValueId[] = [],
): Graph {
  const nodes = g.nodes.filter((node) => selection.has(node))
  const computed = new Set<ValueId>(nodes.flatMap<ValueId>((node) => node.outputs))
  const read = new Set<ValueId>([...nodes.flatMap<ValueId>((node) => node.inputs), ...ends])
  const slots = [...totals].filter(([value]) => read.has(value) && !computed.has(value))
  const leaves = slots.map(
    ([value, name]): GraphNode => ({ op: "state", attributes: { name }, inputs: [], outputs: [value] }),
  )
  const only = (values: Readonly<Record<string, ValueId>>): Record<string, ValueId> =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => computed.has(value)))
  return {
    nodes: [...leaves, ...nodes],
    values: g.values,
    inputs: only(g.inputs),
    states: { ...only(g.states), ...Object.fromEntries(slots.map(([value, name]) => [name, value])) },
    outputs: {},
    updates: {},
  }
}

/** A graph and the size of its batch. */
export interface SizedGraph {
  readonly graph: Graph
  readonly batch: number | undefined
}

/** The graphs that run for a graph: the stages, each for a slice of the batch, and the rest. */
export interface Parts {
  readonly stages: readonly SizedGraph[]
  readonly rest: SizedGraph
  /** The totals of the stages. Undefined for a graph that runs whole. */
  readonly totals: Sliced["totals"] | undefined
}

/** Lowers a graph, and divides it if that saves memory: see `sliceSize`. A graph that is not divided is the rest. */
export function partsOf(source: Graph, batch: number | undefined, rows: number): Parts {
  const g = lowered(source)
  const sliced = batch === undefined ? undefined : slice(g)
  const size = sliced && batch !== undefined ? sliceSize(sliced, batch, rows) : batch
  if (sliced === undefined || size === batch) return { stages: [], rest: { graph: g, batch }, totals: undefined }
  const stages = sliced.stages.map((graph) => ({ graph, batch: size }))
  return { stages, rest: { graph: sliced.rest, batch }, totals: sliced.totals }
}

/** A slice whose values take more bytes than this has only half as many rows. */
const mostBytes = 2 ** 29

/**
 * The number of examples in a slice: the fewest whose matrix products have `rows` rows, or an eighth of that if there
 * are no totals. With fewer examples, reading the weights and writing the totals would take too much of the time. With
 * more, the values would be larger than necessary. Where long sequences or wide models make them larger than half a
 * GiB, half as many rows are enough. The size depends on shapes alone, so that equal runs have equal bytes.
 */
export function sliceSize({ stages, totals }: Sliced, batch: number, rows: number): number {
  const least = Object.keys(totals).length === 0 ? rows / 8 : rows
  const exampleRows = rowsPerExample(stages)
  const fewest = (count: number): number => {
    for (let size = 1; size < batch; size++) if (batch % size === 0 && size * exampleRows >= count) return size
    return batch
  }
  const size = fewest(least)
  return size * bytesPerExample(stages) > mostBytes ? fewest(least / 2) : size
}

/** The bytes that one more example adds to the values of a slice. */
function bytesPerExample(stages: readonly Graph[]): number {
  return Math.max(...stages.map((g) => graphCost(g, 2).peakBytes - graphCost(g, 1).peakBytes))
}

/** The greatest number of rows of one example in a matrix product with weights. */
function rowsPerExample(stages: readonly Graph[]): number {
  let most = 1
  for (const g of stages)
    for (const { op, inputs } of g.nodes) {
      const [first] = inputs
      const shape = first === undefined ? [] : typeOf(g, first).shape
      const [batch] = shape
      if (typeof batch !== "string" || !(op === "linear" || (op === "matMul" && shape.length === 2))) continue
      const middleSizes = shape.slice(1, -1).map((_, i) => fixed(shape, i + 1))
      most = Math.max(
        most,
        middleSizes.reduce((n, dim) => n * dim, parseDim(batch).times),
      )
    }
  return most
}
