import { type Fields, type FieldValues, ops, type Tensor } from "@vitrine/core"

/**
 * An optimizer as two pure functions. It remembers values of each parameter, such as moments, in state slots, which
 * start at 0.
 */
export interface Optimizer {
  readonly slots: readonly string[]
  /** The numbers that change from step to step. They are inputs of the update graph. `step` counts from 0. */
  scalars(step: number, learningRate: number, weightDecay: number): Readonly<Record<string, number>>
  /** Computes the new values of a parameter and of its slots. */
  update(
    parameter: Tensor,
    gradient: Tensor,
    slots: Readonly<Record<string, Tensor>>,
    scalars: Readonly<Record<string, Tensor>>,
    weightDecay: number,
  ): { readonly parameter: Tensor; readonly slots: Readonly<Record<string, Tensor>> }
}

/** A kind of optimizer: a row of the table in `index.ts`. `S` are its spellings. */
export interface OptimizerKind<F extends Fields, S extends object> {
  readonly fields: F
  /** The names of this optimizer for the command's `--optimizer`, and the options of each name. */
  readonly spellings: S
  /** @throws VitrineError (config) for settings that contradict each other. */
  create(settings: FieldValues<F>): Optimizer
}

/** The gradient of the loss plus weightDecay / 2 · ‖parameter‖² (L2 decay). */
export function decayedGradient(gradient: Tensor, parameter: Tensor, weightDecay: number): Tensor {
  return weightDecay === 0 ? gradient : ops.add(gradient, ops.mul(parameter, weightDecay))
}
