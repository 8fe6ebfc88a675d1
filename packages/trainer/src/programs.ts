import {
  foldKey,
  type Graph,
  gradients,
  graph,
  type Key,
  ops,
  type Parameter,
  recomputing,
  rootScope,
  type Tensor,
  VitrineError,
} from "@vitrine/core"
import { averageDecay } from "./average.ts"
import { type ParameterGroup, parameterGroups } from "./groups.ts"
import { lossScale, lossScaleSlots, unlessOverflowed, unscale } from "./loss-scale.ts"
import type { Measure, Objective } from "./objectives/objective.ts"
import { optimizer } from "./optimizer.ts"
import type { Optimizer } from "./optimizers/optimizer.ts"
import type { TrainingOptions } from "./options.ts"

/** What a training step is made of. */
export interface StepOptions {
  readonly objective: Pick<Objective, "rows">
  readonly groups: readonly ParameterGroup[]
  readonly optimizer: Optimizer
  /** The largest norm of all gradients together, or null for no clipping. */
  readonly clip: number | null
  /** Decay of the exponential moving average of the parameters; null for none. */
  readonly ema: number | null
  /** Whether the decay warms up. If so, the decay is an input of each step. */
  readonly emaWarmup?: boolean
  /** Whether the loss is scaled while gradients are computed: see loss-scale.ts. */
  readonly lossScaling: boolean
  /** Whether the backward pass computes blocks again. If so, only the blocks' inputs are kept. */
  readonly gradCheckpointing: boolean
}

/** The name of a slot that belongs to a parameter. */
export const slotName = (slot: string, parameter: string): string => `${slot}:${parameter}`
const accumulator = (parameter: string, level = 0): string =>
  slotName(level === 0 ? "gradient" : `gradient.${level}`, parameter)
/** The name of the slot that holds the moving average of a parameter. */
export const emaName = (parameter: string): string => slotName("ema", parameter)

/** State slots by name. */
export type Slots = Readonly<Record<string, { readonly shape: readonly number[]; readonly dtype: "float32" }>>

type SlotShape = readonly [name: string, shape: readonly number[]]

const float32Slots = (shapes: readonly SlotShape[]): Slots =>
  Object.fromEntries(shapes.map(([name, shape]) => [name, { shape, dtype: "float32" } as const]))

/** The slots that training keeps besides the parameters. All start at 0, except averages and the loss scale. */
export function trainingSlots(options: StepOptions): Slots {
  const names = [...options.optimizer.slots, ...(options.ema === null ? [] : ["ema"])]
  const ofParameters = options.groups.flatMap(({ parameters }) =>
    parameters.flatMap(({ name, shape }) => names.map((slot): SlotShape => [slotName(slot, name), shape])),
  )
  const ofScale = options.lossScaling ? lossScaleSlots.map((name): SlotShape => [name, []]) : []
  return float32Slots([...ofParameters, ...ofScale])
}

/** The slots in which gradients of micro-batches are summed, of some levels: see `SumOrder`. They are 0 between steps. */
export function accumulatorSlots({ groups }: Pick<StepOptions, "groups">, levels: readonly number[]): Slots {
  const parameters = groups.flatMap((group) => group.parameters)
  return float32Slots(
    levels.flatMap((level) => parameters.map(({ name, shape }): SlotShape => [accumulator(name, level), shape])),
  )
}

/** Makes parameters into state slots of the graph. Equal names give the same tensor. */
function leaves(rename: (name: string) => string = (name) => name): (parameter: Parameter) => Tensor {
  const tensors = new Map<string, Tensor>()
  return ({ name, shape }) => {
    const leaf = tensors.get(name) ?? ops.state(rename(name), shape)
    tensors.set(name, leaf)
    return leaf
  }
}

/** The parameters that an objective reads, in the order in which it reads them. */
export function objectiveParameters(objective: StepOptions["objective"]): Parameter[] {
  const parameters = new Map<string, Parameter>()
  const leaf = leaves()
  const param = (parameter: Parameter): Tensor => {
    parameters.set(parameter.name, parameter)
    return leaf(parameter)
  }
  objective.rows(rootScope({ param }))
  return [...parameters.values()]
}

/** The parameters of a model, and those that the objective adds. */
export function allParameters(published: readonly Parameter[], objective: StepOptions["objective"]): Parameter[] {
  const names = new Set(published.map(({ name }) => name))
  return [...published, ...objectiveParameters(objective).filter(({ name }) => !names.has(name))]
}

/** What the steps of a training are made of. */
export function stepOptionsOf(
  objective: StepOptions["objective"],
  parameters: readonly Parameter[],
  options: TrainingOptions,
): StepOptions {
  return {
    objective,
    groups: parameterGroups(parameters, options),
    optimizer: optimizer(options.optimizer),
    clip: options.clip,
    ema: options.ema,
    emaWarmup: options.ema !== null && options.emaWarmup,
    lossScaling: options.lossScaling,
    gradCheckpointing: options.gradCheckpointing,
  }
}

interface Backward {
  readonly loss: Tensor
  readonly hostValues: Readonly<Record<string, Tensor>>
  /** The gradient of each parameter that learns, by its name. */
  readonly gradients: ReadonlyMap<string, Tensor>
}

/**
 * The loss, Σ weights · loss / `total`, and its gradients. The host computes the total. So the rows of micro-batches
 * and of padded batches have the same weight as in one full batch.
 */
function backward({ objective, groups, lossScaling, gradCheckpointing }: StepOptions): Backward {
  const param = leaves()
  const blockInputs: Tensor[] = []
  const onCheckpoint = (t: Tensor): void => void blockInputs.push(t)
  const scope = rootScope({ param, key: ops.input("key", [2], "int32"), onCheckpoint })
  const { losses, weights, hostValues = {} } = objective.rows(scope)
  const loss = ops.div(ops.sum(ops.mul(losses, weights)), ops.input("total", []))
  const learning = groups.flatMap(({ parameters }) => parameters)
  const direct = gradients([loss], learning.map(param), lossScaling ? [lossScale] : undefined)
  if (gradCheckpointing && blockInputs.length === 0)
    throw new VitrineError("config", "gradCheckpointing: this model has no blocks that could be computed again")
  const all = gradCheckpointing ? recomputing(direct, [loss, ...Object.values(hostValues)], blockInputs) : direct
  const entries = all.flatMap((gradient, i) => {
    const parameter = learning[i]
    return parameter === undefined ? [] : [[parameter.name, gradient] as const]
  })
  return { loss, hostValues, gradients: new Map(entries) }
}

interface Update {
  /** The norm of all gradients before clipping. */
  readonly norm: Tensor
  readonly updates: Record<string, Tensor>
}

/** Clips the gradients, updates the parameters and their slots, and updates the averages. */
function update(options: StepOptions, gradients: Backward["gradients"]): Update {
  const { clip, ema, emaWarmup, lossScaling, optimizer } = options
  const decay = emaWarmup ? ops.input("ema.decay", []) : ema
  const unscaled = lossScaling ? unscale : (t: Tensor): Tensor => t
  const squares = Array.from(gradients.values(), (gradient) => ops.sum(ops.square(gradient)))
  const norm = unscaled(ops.sqrt(squares.reduce((a, b) => ops.add(a, b))))
  // PyTorch's clip_grad_norm_: min(1, clip / (norm + 1e-6))
  const factor = clip === null ? null : ops.neg(ops.maximum(ops.neg(ops.div(clip, ops.add(norm, 1e-6))), -1))
  const updates: Record<string, Tensor> = {}
  for (const group of options.groups) {
    const scalars = Object.fromEntries(
      Object.keys(optimizer.scalars(0, 0, 0)).map((name) => [name, ops.input(`${group.name}.${name}`, [])]),
    )
    for (const { name, shape } of group.parameters) {
      const slot = (slot: string): Tensor => ops.state(slotName(slot, name), shape)
      const slots = Object.fromEntries(optimizer.slots.map((slotKind) => [slotKind, slot(slotKind)]))
      const scaled = gradients.get(name)
      if (scaled === undefined) throw new Error(`${name} has no gradient`)
      const gradient = unscaled(scaled)
      const clipped = factor === null ? gradient : ops.mul(gradient, factor)
      const next = optimizer.update(ops.state(name, shape), clipped, slots, scalars, group.weightDecay)
      updates[name] = next.parameter
      for (const [slotKind, value] of Object.entries(next.slots)) updates[slotName(slotKind, name)] = value
      if (ema !== null && decay !== null)
        updates[emaName(name)] = ops.add(ops.mul(slot("ema"), decay), ops.mul(next.parameter, ops.sub(1, decay)))
    }
  }
  return { norm, updates: lossScaling ? unlessOverflowed(norm, updates) : updates }
}

/** The outputs of an update: the norm of the gradients and the loss scale, if the options use them. */
function updateOutputs({ clip, lossScaling }: StepOptions, norm: Tensor): Record<string, Tensor> {
  return {
    ...(clip === null && !lossScaling ? {} : { gradientNorm: norm }),
    ...(lossScaling ? { lossScale } : {}),
  }
}

/**
 * A whole step as one graph: forward, backward, update. Its outputs are the host's values, the loss and those of the
 * update.
 */
export function stepGraph(options: StepOptions): Graph {
  const { loss, hostValues, gradients } = backward(options)
  const { norm, updates } = update(options, gradients)
  return graph({ outputs: { ...hostValues, loss, ...updateOutputs(options, norm) }, updates })
}

/**
 * A graph that adds the gradients of a micro-batch to the accumulators. Its outputs are the host's values and the loss.
 */
export function gradientsGraph(options: StepOptions): Graph {
  const { loss, hostValues, gradients } = backward(options)
  const updates = Array.from(gradients, ([name, gradient]): [string, Tensor] => {
    const slot = accumulator(name)
    return [slot, ops.add(ops.state(slot, gradient.shape), gradient)]
  })
  return graph({ outputs: { ...hostValues, loss }, updates: Object.fromEntries(updates) })
}

const mergeFactor = (group: ParameterGroup): string => `${group.name}.merge`

/**
 * A graph that adds the accumulators of a level to those of the next, and sets them to 0. Its inputs are 1: a factor for
 * each group, so that a backend that updates slots of equal form together finds the same groups as in `updateGraph`.
 */
export function mergeGraph({ groups }: Pick<StepOptions, "groups">, level: number): Graph {
  const updates: Record<string, Tensor> = {}
  for (const group of groups) {
    const one = ops.input(mergeFactor(group), [])
    for (const { name, shape } of group.parameters) {
      const [from, to] = [accumulator(name, level), accumulator(name, level + 1)]
      updates[to] = ops.add(ops.state(to, shape), ops.mul(ops.state(from, shape), one))
      updates[from] = ops.full(shape, 0)
    }
  }
  return graph({ outputs: {}, updates })
}

/** The inputs of a `mergeGraph`. */
export function mergeInputs({ groups }: Pick<StepOptions, "groups">): Record<string, Float32Array> {
  return Object.fromEntries(groups.map((group) => [mergeFactor(group), Float32Array.of(1)]))
}

/** A graph that updates from the accumulators of a level, the highest, and sets them to 0. */
export function updateGraph(options: StepOptions, level: number): Graph {
  const parameters = options.groups.flatMap((group) => group.parameters)
  const sums = new Map(parameters.map(({ name, shape }) => [name, ops.state(accumulator(name, level), shape)]))
  const { norm, updates } = update(options, sums)
  for (const { name, shape } of parameters) updates[accumulator(name, level)] = ops.full(shape, 0)
  return graph({ outputs: { gradientNorm: norm, ...updateOutputs(options, norm) }, updates })
}

/** A graph with the outputs of a measure. It uses the averages of the parameters, if there are any. */
export function evaluationGraph(
  { outputs }: Pick<Measure, "outputs">,
  { groups, ema }: Pick<StepOptions, "groups" | "ema"> = { groups: [], ema: null },
): Graph {
  const learning = new Set(groups.flatMap(({ parameters }) => parameters.map(({ name }) => name)))
  const averaged = (name: string): string => (ema !== null && learning.has(name) ? emaName(name) : name)
  return graph({ outputs: outputs(rootScope({ param: leaves(averaged) })) })
}

/** The inputs of an update: the numbers of the optimizer and the decay of the average. `step` counts from 0. */
export function updateInputs(
  { groups, optimizer, ema, emaWarmup }: StepOptions,
  step: number,
  learningRate: number,
): Record<string, Float32Array> {
  const average = ema !== null && emaWarmup ? { "ema.decay": Float32Array.of(averageDecay(ema, true, step)) } : {}
  const scalars = Object.fromEntries(
    groups.flatMap(({ name, scale, weightDecay }) =>
      Object.entries(optimizer.scalars(step, learningRate * scale, weightDecay)).map(
        ([scalar, value]): [string, Float32Array] => [`${name}.${scalar}`, Float32Array.of(value)],
      ),
    ),
  )
  return { ...scalars, ...average }
}

/** The random key of a step, for dropout and stochastic depth. */
export function stepKey(key: Key, step: number): Key {
  return foldKey(key, "step", step)
}
