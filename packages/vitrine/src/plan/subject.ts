import {
  cut,
  type Graph,
  graph,
  ops,
  type Parameter,
  parameterCount,
  rootScope,
  type Scope,
  type Tensor,
} from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import {
  accumulatorSlots,
  allParameters,
  evaluationGraph,
  gradientsGraph,
  type Measure,
  type Objective,
  type Slots,
  stepGraph,
  stepOptionsOf,
  type TrainingOptions,
  mergeGraph,
  sumOrder,
  trainingSlots,
  updateGraph,
} from "@vitrine/trainer"
import { microBatchSize } from "../order.ts"

/** The training that is planned. Each task makes one of a complete recipe. */
export interface PlanSubject {
  /** Family, depth and width in short. */
  readonly model: string
  /** The data set whose facts complete the recipe, if the training has no data. */
  readonly assumedData?: string
  readonly parameters: readonly Parameter[]
  /** The shape of one image: height, width and channels. */
  readonly image: readonly [number, number, number]
  /** The forward pass over images `[batch, height, width, channels]`. */
  readonly forward: (scope: Scope, images: Tensor) => Readonly<Record<string, Tensor>>
  readonly objective: Pick<Objective, "rows">
  /** Whether the host computes between forward and backward. */
  readonly cuts: boolean
  readonly measure: Pick<Measure, "outputs">
  /** The number of images in a batch, which is cut into `training.microBatches`. An update takes `training.accumulate` batches. */
  readonly batchSize: number
  readonly training: TrainingOptions
}

/** A graph with the size of its batch, which is undefined if the graph's sizes are fixed. */
export interface SizedGraph {
  readonly graph: Graph
  readonly batch: number | undefined
}

/** A graph that a step runs. */
export interface StepPart extends SizedGraph {
  /** How often one update runs it. */
  readonly runs: number
}

/** The graphs of a training and its slots. */
export interface PlanGraphs {
  readonly steps: readonly StepPart[]
  readonly evaluation: SizedGraph
  /** The slots besides the parameters that are kept: moments, averages. */
  readonly slots: Slots
  /** The slots in which gradients of micro-batches are summed. */
  readonly accumulators: Slots
  /** The bytes of the slots that carry values from one part of a step to the next. */
  readonly carried: number
  readonly parameters: readonly Parameter[]
  /** The number of parameters that learn. */
  readonly learning: number
}

/** The forward pass as a graph. */
export function forwardGraph({ image, forward }: PlanSubject): Graph {
  return graph({ outputs: forward(rootScope(), ops.input("images", ["batch", ...image])) })
}

/** Whether the model has blocks that can be computed again. */
export function hasCheckpoints({ image, forward }: PlanSubject): boolean {
  let blocks = 0
  forward(rootScope({ onCheckpoint: () => void blocks++ }), ops.input("images", ["batch", ...image]))
  return blocks > 0
}

/** The names of a step's outputs that the host does not need between the parts of a step. */
const lateOutputs: ReadonlySet<string> = new Set(["loss", "gradientNorm", "lossScale"])

/** The graphs that the trainer runs. */
export function planGraphs(subject: PlanSubject): PlanGraphs {
  const { parameters: published, objective, training, measure, cuts } = subject
  const batch = microBatchSize(subject)
  const parameters = allParameters(published, objective)
  const options = stepOptionsOf(objective, parameters, training)
  const runs = training.accumulate * training.microBatches
  const accumulates = runs > 1
  const whole = accumulates ? gradientsGraph(options) : stepGraph(options)
  const hostValues = Object.keys(whole.outputs).filter((name) => !lateOutputs.has(name))
  const halves = cuts ? cut(whole, hostValues, batch) : undefined
  const steps = halves
    ? [halves.first, halves.second].map((half): StepPart => ({ graph: half, batch: undefined, runs }))
    : [{ graph: whole, batch, runs }]
  const { levels, merges } = sumOrder(training)
  const merging = Array.from({ length: levels - 1 }, (_, level) => ({
    graph: mergeGraph(options, level),
    batch: undefined,
    runs: merges.filter((n) => n > level).length,
  }))
  const update = accumulates ? [...merging, { graph: updateGraph(options, levels - 1), batch: undefined, runs: 1 }] : []
  const carried = Object.values(halves?.saved ?? {}).reduce((sum, { shape }) => sum + 4 * elementCount(shape), 0)
  return {
    steps: [...steps, ...update],
    evaluation: { graph: evaluationGraph(measure, options), batch },
    slots: trainingSlots(options),
    accumulators: accumulates ? accumulatorSlots(options, [...Array(levels).keys()]) : {},
    carried,
    parameters,
    learning: parameterCount(options.groups.flatMap((group) => group.parameters)),
  }
}
