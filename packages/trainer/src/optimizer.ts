import { ops, type Tensor, VitrineError } from "@vitrine/core"

/** What an optimizer is told; names and defaults are PyTorch's. */
export type OptimizerOptions =
  | {
      /** AdamW decays weights directly (Loshchilov and Hutter, 2019), Adam through the gradient. */
      readonly name: "adamw" | "adam"
      readonly betas?: readonly [number, number]
      readonly epsilon?: number
    }
  | { readonly name: "sgd"; readonly momentum?: number; readonly nesterov?: boolean }

/** An optimizer as two pure functions. What it remembers of a parameter are state slots, zeros at first. */
export interface Optimizer {
  readonly slots: readonly string[]
  /** The numbers that change from step to step, which the update graph takes as inputs; `step` counts from 0. */
  scalars(step: number, learningRate: number, weightDecay: number): Readonly<Record<string, number>>
  /** The new value of a parameter and of its slots. */
  update(
    parameter: Tensor,
    gradient: Tensor,
    slots: Readonly<Record<string, Tensor>>,
    scalars: Readonly<Record<string, Tensor>>,
    weightDecay: number,
  ): { readonly parameter: Tensor; readonly slots: Readonly<Record<string, Tensor>> }
}

export function optimizer(options: OptimizerOptions): Optimizer {
  return options.name === "sgd" ? sgd(options) : adam(options)
}

function inUnit(name: string, value: number): void {
  if (!(value >= 0 && value < 1)) throw new VitrineError("config", `optimizer: ${name} must be in [0, 1), got ${value}`)
}

function adam({
  name,
  betas = [0.9, 0.999],
  epsilon = 1e-8,
}: Extract<OptimizerOptions, { betas?: unknown }>): Optimizer {
  const [beta1, beta2] = betas
  inUnit("beta1", beta1)
  inUnit("beta2", beta2)
  if (!(epsilon > 0)) throw new VitrineError("config", `optimizer: epsilon must be positive, got ${epsilon}`)
  const decoupled = name === "adamw"
  return {
    slots: ["m", "v"],
    scalars: (step, rate, weightDecay) => ({
      stepSize: rate / (1 - beta1 ** (step + 1)),
      correction: 1 / Math.sqrt(1 - beta2 ** (step + 1)),
      decay: decoupled ? 1 - rate * weightDecay : 1,
    }),
    update: (parameter, gradient, slots, scalars, weightDecay) => {
      const { m, v } = slots as { m: Tensor; v: Tensor }
      const { stepSize, correction, decay } = scalars as { stepSize: Tensor; correction: Tensor; decay: Tensor }
      const given = decoupled ? gradient : withDecay(gradient, parameter, weightDecay)
      const rates = { stepSize, correction, decay }
      const [next, m2, v2] = ops.adamW(parameter, given, m, v, rates, { beta1, beta2, epsilon })
      return { parameter: next, slots: { m: m2, v: v2 } }
    },
  }
}

function sgd({ momentum = 0, nesterov = false }: Extract<OptimizerOptions, { name: "sgd" }>): Optimizer {
  inUnit("momentum", momentum)
  if (nesterov && momentum === 0) throw new VitrineError("config", "optimizer: nesterov needs a momentum above 0")
  return {
    slots: momentum > 0 ? ["momentum"] : [],
    scalars: (_, rate) => ({ rate }),
    update: (parameter, gradient, slots, scalars, weightDecay) => {
      const rate = scalars.rate as Tensor
      const given = withDecay(gradient, parameter, weightDecay)
      if (momentum === 0) return { parameter: ops.sub(parameter, ops.mul(given, rate)), slots: {} }
      const velocity = ops.add(ops.mul(slots.momentum as Tensor, momentum), given)
      const direction = nesterov ? ops.add(given, ops.mul(velocity, momentum)) : velocity
      return { parameter: ops.sub(parameter, ops.mul(direction, rate)), slots: { momentum: velocity } }
    },
  }
}

const withDecay = (gradient: Tensor, parameter: Tensor, weightDecay: number): Tensor =>
  weightDecay === 0 ? gradient : ops.add(gradient, ops.mul(parameter, weightDecay))
