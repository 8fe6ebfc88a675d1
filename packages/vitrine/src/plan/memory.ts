import { type Graph, hasRow, parameterCount, rowNames, VitrineError } from "@vitrine/core"
import type { Slots } from "@vitrine/trainer"
import { bindBatch, bytesOf, elementCount, lastUses, typeOf, type ValueId } from "@vitrine/core/backend"
import { microBatchSize } from "../order.ts"
import { planGraphs, type PlanSubject, type SizedGraph } from "./subject.ts"

/** The memory that an engine takes for one graph. */
interface GraphMemory {
  /** Bytes of the values between the nodes: the greatest sum that is alive at once. */
  readonly values: number
  /** Bytes of sums and gradients that the engine keeps. */
  readonly buffers: number
  /** The number of nodes that the engine holds. */
  readonly nodes: number
}

type GraphMemoryOf = (part: SizedGraph) => GraphMemory

/** What the memory of a training depends on, in bytes but for the nodes. */
export interface MemoryFacts {
  readonly weights: number
  /** Gradients: accumulators, sums over slices, or else those of all parameters that learn. */
  readonly gradients: number
  /** Moments, averages and the loss scale. */
  readonly moments: number
  /** Values between the nodes of all programs of a step. */
  readonly activations: number
  /** Values that slots carry from one part of a step to the next. */
  readonly carried: number
  readonly evaluation: number
  /** One batch of images. */
  readonly batch: number
  readonly nodes: number
}

/**
 * The memory of a process as a sum. Bases and factors were fitted to the peak resident memory of
 * `vitrine train`, as `packages/vitrine/bench/plan.mjs` measures it. Those of webgpu are not measured.
 */
interface MemoryModel {
  /** How the engine places the values of a graph. */
  readonly graphs: (options: PlanPrecision) => Promise<GraphMemoryOf>
  /** Whether the plan was compared with measured runs. */
  readonly measured: boolean
  /** Bytes of the process before the model is there: Node, the engine and the thread that prepares images. */
  readonly base: number
  /** Bytes of the engine and of the graph for each node. */
  readonly node: number
  /** How many times slots (weights, moments, accumulators) are in memory. */
  readonly slots: number
  /** How much memory values between nodes take in relation to their bytes. */
  readonly values: number
  readonly carried: number
  readonly evaluation: number
  readonly batch: number
}

/** The type in which activations are stored. */
export interface PlanPrecision {
  readonly precision?: "float32" | "bfloat16" | "float16" | undefined
}

const onnx = (native: boolean) => async (): Promise<GraphMemoryOf> => {
  const { graphMemory } = await import("@vitrine/backend-onnx")
  return ({ graph, batch }) => graphMemory(graph, batch, native)
}

/** Engines that run the ops of a graph in its order. */
const inOrder = async (): Promise<GraphMemoryOf> => (part) => {
  const graph = bound(part)
  return { values: aliveBytes(graph), buffers: 0, nodes: graph.nodes.length }
}

/** The greatest sum of a graph's values that are alive at once, without inputs and states. */
function aliveBytes(g: Graph): number {
  const dying = new Map<number, ValueId[]>()
  for (const [value, node] of lastUses(g).entries()) dying.set(node, [...(dying.get(node) ?? []), value])
  const sizes = new Map<ValueId, number>()
  let alive = 0
  let peak = 0
  for (const [i, { op, outputs }] of g.nodes.entries()) {
    const values: readonly ValueId[] = op === "input" || op === "state" || op === "constant" ? [] : outputs
    for (const value of values) {
      const { shape, dtype } = typeOf(g, value)
      sizes.set(value, elementCount(shape) * bytesOf[dtype])
      alive += sizes.get(value) ?? 0
    }
    peak = Math.max(peak, alive)
    for (const value of dying.get(i) ?? []) alive -= sizes.get(value) ?? 0
  }
  return peak
}

const webgpu = async ({ precision }: PlanPrecision): Promise<GraphMemoryOf> => {
  const { workBytes } = await import("@vitrine/backend-webgpu")
  return ({ graph, batch }) => ({
    values: workBytes(graph, batch, precision === "float16"),
    buffers: 0,
    nodes: graph.nodes.length,
  })
}

const MB = 1e6

/** The models by the names of backends. */
const models: Readonly<Record<PlannedBackend, MemoryModel>> = {
  onnx: {
    graphs: onnx(true),
    measured: true,
    base: 244 * MB,
    node: 19.4e3,
    slots: 2.29,
    values: 1.07,
    carried: 3.9,
    evaluation: 1.2,
    batch: 4,
  },
  "onnx-web": {
    graphs: onnx(false),
    measured: true,
    base: 146 * MB,
    node: 61e3,
    slots: 3.56,
    values: 0.8,
    carried: 5.5,
    evaluation: 0.8,
    batch: 4,
  },
  "node-cpu": {
    graphs: inOrder,
    measured: true,
    base: 411 * MB,
    node: 99e3,
    slots: 2.53,
    values: 1.49,
    carried: 1.1,
    evaluation: 1.2,
    batch: 4,
  },
  webgpu: {
    graphs: webgpu,
    measured: false,
    base: 350 * MB,
    node: 20e3,
    slots: 2,
    values: 1,
    carried: 1,
    evaluation: 1,
    batch: 4,
  },
}

/** The backends whose memory can be planned. */
export type PlannedBackend = "onnx" | "onnx-web" | "node-cpu" | "webgpu"
/** Their names. */
export const plannedBackends: readonly PlannedBackend[] = rowNames(models)

/** The peak memory of a training by parts, in bytes. */
export interface PlannedMemory {
  /** The greatest resident memory of the whole process. */
  readonly peak: number
  /** Its parts. Their sum is the peak. */
  readonly parts: {
    /** Node, the engine, its programs, and the thread that prepares images. */
    readonly process: number
    readonly weights: number
    readonly gradients: number
    readonly moments: number
    /** Further copies of the weights and moments: starting values, those in the engine, and those being written. */
    readonly copies: number
    /** Values between the nodes of a step. */
    readonly activations: number
    /** Values between the nodes of an evaluation. */
    readonly evaluation: number
    /** Batches of images on their way to the engine. */
    readonly images: number
  }
}

/** Whether the planned memory of a backend was compared with measured runs. */
export const isMeasured = (backend: string): boolean => hasRow(models, backend) && models[backend].measured

/** @throws VitrineError (config) for a backend whose memory cannot be planned */
export function checkPlanned(backend: string): PlannedBackend {
  if (hasRow(models, backend)) return backend
  throw new VitrineError("config", `no plan for backend "${backend}": choose one of ${plannedBackends.join(", ")}`)
}

/** The facts of a training on a backend. */
export async function memoryFacts(
  subject: PlanSubject,
  backend: PlannedBackend,
  precision: PlanPrecision = {},
): Promise<MemoryFacts> {
  const { steps, evaluation, slots, accumulators, carried, parameters, learning } = planGraphs(subject)
  const memoryOf = await models[backend].graphs(precision)
  const runs = steps.map(memoryOf)
  const measured = memoryOf(evaluation)
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)
  const slotBytes = (of: Slots): number => sum(Object.values(of).map(({ shape }) => 4 * elementCount(shape)))
  const values = sum(runs.map((run) => run.values))
  const kept = slotBytes(accumulators) + sum(runs.map(({ buffers }) => buffers))
  const alive = kept > 0 ? 0 : Math.min(values, 4 * learning)
  return {
    weights: 4 * parameterCount(parameters),
    gradients: kept + alive,
    moments: slotBytes(slots),
    activations: values - alive,
    carried,
    evaluation: measured.values,
    batch: 4 * microBatchSize(subject) * elementCount(subject.image),
    nodes: sum(runs.map(({ nodes }) => nodes)) + measured.nodes,
  }
}

/** The memory that a training with these facts takes on a backend. */
export function plannedMemory(facts: MemoryFacts, backend: PlannedBackend): PlannedMemory {
  const { weights, gradients, moments } = facts
  const model: MemoryModel = models[backend]
  const parts = {
    process: model.base + model.node * facts.nodes,
    weights,
    gradients: model.values * gradients,
    moments,
    copies: (model.slots - 1) * (weights + moments),
    activations: model.values * facts.activations + model.carried * facts.carried,
    evaluation: model.evaluation * facts.evaluation,
    images: model.batch * facts.batch,
  }
  return { peak: Object.values(parts).reduce((a, b) => a + b, 0), parts }
}

function bound({ graph, batch }: SizedGraph): Graph {
  return batch === undefined ? graph : bindBatch(graph, batch)
}
