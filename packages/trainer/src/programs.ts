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
  type TensorType,
  VitrineError,
} from "@vitrine/core"
import type { ParameterGroup } from "./groups.ts"
import { lossScale, lossScaleSlots, unlessOverflowed, unscale } from "./loss-scale.ts"
import type { Measure, Objective } from "./objectives/objective.ts"
import type { Optimizer } from "./optimizer.ts"

export interface StepOptions {
  readonly objective: Pick<Objective, "rows">
  readonly groups: readonly ParameterGroup[]
  readonly optimizer: Optimizer
  /** Largest norm of all gradients together; null for no clipping. */
  readonly clip: number | null
  /** Decay of the exponential moving average of the parameters; null for none. */
  readonly ema: number | null
  /** Whether gradients are taken of a scaled loss: see loss-scale.ts. */
  readonly lossScaling: boolean
  /** Whether of each block only what goes into it is kept for the backward pass, which computes the rest again. */
  readonly gradCheckpointing: boolean
}

/** Names of the state slots that stand beside a parameter of this name. */
export const slotName = (slot: string, parameter: string): string => `${slot}:${parameter}`
const accumulator = (parameter: string): string => slotName("gradient", parameter)
export const emaName = (parameter: string): string => slotName("ema", parameter)

/** Every slot that training needs besides the parameters themselves; all start at 0 but averages and the loss scale. */
export function trainingSlots(options: StepOptions, accumulates: boolean): Record<string, TensorType> {
  const slots: Record<string, TensorType> = {}
  const put = (name: string, { shape }: Parameter): void => void (slots[name] = { shape, dtype: "float32" })
  for (const { parameters } of options.groups)
    for (const parameter of parameters) {
      for (const slot of options.optimizer.slots) put(slotName(slot, parameter.name), parameter)
      if (options.ema !== null) put(emaName(parameter.name), parameter)
      if (accumulates) put(accumulator(parameter.name), parameter)
    }
  return options.lossScaling ? { ...slots, ...lossScaleSlots } : slots
}

/** Parameters as leaves, one tensor a name. */
function leaves(rename: (name: string) => string = (name) => name): (parameter: Parameter) => Tensor {
  const made = new Map<string, Tensor>()
  return ({ name, shape }) => {
    const leaf = made.get(name) ?? ops.state(rename(name), shape)
    made.set(name, leaf)
    return leaf
  }
}

/** Every parameter that an objective computes with, in the order in which it asks for them. */
export function objectiveParameters(objective: StepOptions["objective"]): Parameter[] {
  const found = new Map<string, Parameter>()
  const leaf = leaves()
  const param = (parameter: Parameter): Tensor => {
    found.set(parameter.name, parameter)
    return leaf(parameter)
  }
  objective.rows(rootScope({ param }))
  return [...found.values()]
}

interface Backward {
  readonly loss: Tensor
  readonly seen: Readonly<Record<string, Tensor>>
  readonly grads: ReadonlyMap<string, Tensor>
}

/**
 * The loss and its gradients: Σ weights · loss / `total`. The host gives the total, so that the rows of several
 * micro-batches, or of a padded batch, weigh what they would in one full batch.
 */
function backward({ objective, groups, lossScaling, gradCheckpointing }: StepOptions): Backward {
  const param = leaves()
  const kept: Tensor[] = []
  const onCheckpoint = (t: Tensor): void => void kept.push(t)
  const scope = rootScope({ param, key: ops.input("key", [2], "int32"), onCheckpoint })
  const { losses, weights, seen = {} } = objective.rows(scope)
  const mean = ops.div(ops.sum(ops.mul(losses, weights)), ops.input("total", []))
  const learning = groups.flatMap(({ parameters }) => parameters)
  const all = gradients([mean], learning.map(param), lossScaling ? [lossScale] : undefined)
  if (gradCheckpointing && kept.length === 0)
    throw new VitrineError("config", "gradCheckpointing: this model has no blocks that could be computed again")
  const grads = gradCheckpointing ? recomputing(all, [mean, ...Object.values(seen)], kept) : all
  return { loss: mean, seen, grads: new Map(learning.map(({ name }, i) => [name, grads[i] as Tensor])) }
}

interface Update {
  /** Of all gradients before clipping. */
  readonly norm: Tensor
  readonly updates: Record<string, Tensor>
}

/** Clips, updates the parameters and their slots, and averages. */
function update(options: StepOptions, grads: ReadonlyMap<string, Tensor>): Update {
  const { clip, ema, lossScaling } = options
  const own = lossScaling ? unscale : (t: Tensor): Tensor => t
  const squares = [...grads.values()].map((grad) => ops.sum(ops.square(grad)))
  const norm = own(ops.sqrt(squares.reduce((a, b) => ops.add(a, b))))
  // PyTorch's clip_grad_norm_: min(1, clip / (norm + 1e-6))
  const factor = clip === null ? null : ops.neg(ops.maximum(ops.neg(ops.div(clip, ops.add(norm, 1e-6))), -1))
  const updates: Record<string, Tensor> = {}
  for (const group of options.groups) {
    const scalars = Object.fromEntries(
      Object.keys(options.optimizer.scalars(0, 0, 0)).map((name) => [name, ops.input(`${group.name}.${name}`, [])]),
    )
    for (const { name, shape } of group.parameters) {
      const held = (slot: string): Tensor => ops.state(slotName(slot, name), shape)
      const slots = Object.fromEntries(options.optimizer.slots.map((slot) => [slot, held(slot)]))
      const grad = own(grads.get(name) as Tensor)
      const clipped = factor === null ? grad : ops.mul(grad, factor)
      const next = options.optimizer.update(ops.state(name, shape), clipped, slots, scalars, group.weightDecay)
      updates[name] = next.parameter
      for (const [slot, value] of Object.entries(next.slots)) updates[slotName(slot, name)] = value
      if (ema !== null) updates[emaName(name)] = ops.add(ops.mul(held("ema"), ema), ops.mul(next.parameter, 1 - ema))
    }
  }
  return { norm, updates: lossScaling ? unlessOverflowed(norm, updates) : updates }
}

/** What the host is told of a step besides its loss. */
function told({ clip, lossScaling }: StepOptions, norm: Tensor): Record<string, Tensor> {
  return {
    ...(clip === null && !lossScaling ? {} : { gradientNorm: norm }),
    ...(lossScaling ? { lossScale } : {}),
  }
}

/** A whole step as one graph: forward, backward, update. Its outputs are what the host is to see, the loss and the norm. */
export function stepGraph(options: StepOptions): Graph {
  const { loss, seen, grads } = backward(options)
  const { norm, updates } = update(options, grads)
  return graph({ outputs: { ...seen, loss, ...told(options, norm) }, updates })
}

/** Adds the gradients of a micro-batch to the accumulators; outputs as those of `stepGraph`. */
export function gradientsGraph(options: StepOptions): Graph {
  const { loss, seen, grads } = backward(options)
  const updates = [...grads].map(([name, grad]): [string, Tensor] => {
    const slot = accumulator(name)
    return [slot, ops.add(ops.state(slot, grad.shape), grad)]
  })
  return graph({ outputs: { ...seen, loss }, updates: Object.fromEntries(updates) })
}

/** Updates from the accumulators, and empties them. */
export function updateGraph(options: StepOptions): Graph {
  const parameters = options.groups.flatMap((group) => group.parameters)
  const grads = new Map(parameters.map(({ name, shape }) => [name, ops.state(accumulator(name), shape)]))
  const { norm, updates } = update(options, grads)
  for (const { name, shape } of parameters) updates[accumulator(name)] = ops.full(shape, 0)
  return graph({ outputs: { gradientNorm: norm, ...told(options, norm) }, updates })
}

/** What is measured, from the parameters or, where they have one, from their averages. */
export function evaluationGraph(
  { outputs }: Pick<Measure, "outputs">,
  { groups, ema }: Pick<StepOptions, "groups" | "ema"> = { groups: [], ema: null },
): Graph {
  const learning = new Set(groups.flatMap(({ parameters }) => parameters.map(({ name }) => name)))
  const averaged = (name: string): string => (ema !== null && learning.has(name) ? emaName(name) : name)
  return graph({ outputs: outputs(rootScope({ param: leaves(averaged) })) })
}

/** The numbers that an update takes as inputs, which comes after `step` others. */
export function updateInputs(
  { groups, optimizer }: StepOptions,
  step: number,
  learningRate: number,
): Record<string, Float32Array> {
  return Object.fromEntries(
    groups.flatMap(({ name, scale, weightDecay }) =>
      Object.entries(optimizer.scalars(step, learningRate * scale, weightDecay)).map(
        ([scalar, value]): [string, Float32Array] => [`${name}.${scalar}`, Float32Array.of(value)],
      ),
    ),
  )
}

/** The random key of a step, for dropout and stochastic depth. */
export function stepKey(key: Key, step: number): Key {
  return foldKey(key, "step", step)
}
