import { ops, type Tensor, VitrineError } from "@vitrine/core"
import { decayedGradient, type OptimizerKind } from "./optimizer.ts"

const fields = {
  /** The share of the velocity that each step keeps; 0 by default. */
  momentum: { kind: "number", from: 0, below: 1, optional: true },
  /** Whether a step looks ahead along the velocity (Nesterov's momentum); false by default. */
  nesterov: { kind: "boolean", optional: true },
} as const

const spellings = {
  sgd: { name: "sgd" },
  momentum: { name: "sgd", momentum: 0.9 },
  nesterov: { name: "sgd", momentum: 0.9, nesterov: true },
} as const

/** Stochastic gradient descent as in PyTorch, with or without momentum. */
export const sgd: OptimizerKind<typeof fields, typeof spellings> = {
  fields,
  spellings,
  create({ momentum = 0, nesterov = false }) {
    if (nesterov && momentum === 0) throw new VitrineError("config", "optimizer.nesterov needs a momentum above 0")
    return {
      slots: momentum > 0 ? ["momentum"] : [],
      scalars: (_, rate) => ({ rate }),
      update(
        parameter,
        gradient,
        slots: { readonly momentum?: Tensor },
        { rate }: Readonly<Record<"rate", Tensor>>,
        weightDecay,
      ) {
        const slope = decayedGradient(gradient, parameter, weightDecay)
        if (slots.momentum === undefined) return { parameter: ops.sub(parameter, ops.mul(slope, rate)), slots: {} }
        const velocity = ops.add(ops.mul(slots.momentum, momentum), slope)
        const direction = nesterov ? ops.add(slope, ops.mul(velocity, momentum)) : velocity
        return { parameter: ops.sub(parameter, ops.mul(direction, rate)), slots: { momentum: velocity } }
      },
    }
  },
}
