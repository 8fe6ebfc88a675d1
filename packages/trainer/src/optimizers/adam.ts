import { type FieldValues, ops, type Tensor } from "@vitrine/core"
import { decayedGradient, type Optimizer, type OptimizerKind } from "./optimizer.ts"

const fields = {
  /** Decay of the moving averages of the gradients and of their squares; 0.9 and 0.999 by default. */
  betas: {
    kind: "tuple",
    of: [
      { kind: "number", from: 0, below: 1 },
      { kind: "number", from: 0, below: 1 },
    ],
    optional: true,
  },
  /** The number added to the root of the mean square; 1e-8 by default. */
  epsilon: { kind: "number", above: 0, optional: true },
} as const

export type AdamFields = typeof fields

/**
 * Adam (Kingma and Ba, 2015) as in PyTorch.
 * @param decoupled whether weight decay acts on the weights directly, as in AdamW, or through the gradient
 */
export function adamOptimizer(
  { betas: [beta1, beta2] = [0.9, 0.999], epsilon = 1e-8 }: FieldValues<AdamFields>,
  decoupled: boolean,
): Optimizer {
  return {
    slots: ["m", "v"],
    scalars: (step, rate, weightDecay) => ({
      stepSize: rate / (1 - beta1 ** (step + 1)),
      correction: 1 / Math.sqrt(1 - beta2 ** (step + 1)),
      decay: decoupled ? 1 - rate * weightDecay : 1,
    }),
    update(parameter, gradient, { m, v }: Record<"m" | "v", Tensor>, rates: AdamRates, weightDecay) {
      const slope = decoupled ? gradient : decayedGradient(gradient, parameter, weightDecay)
      const [next, m2, v2] = ops.adamW(parameter, slope, m, v, rates, { beta1, beta2, epsilon })
      return { parameter: next, slots: { m: m2, v: v2 } }
    },
  }
}

type AdamRates = Readonly<Record<"stepSize" | "correction" | "decay", Tensor>>

const spellings = { adam: { name: "adam" } } as const

export const adam: OptimizerKind<AdamFields, typeof spellings> = {
  fields,
  spellings,
  create: (settings) => adamOptimizer(settings, false),
}
