import { type Fields, type FieldValues, ops, type Tensor } from "@vitrine/core"

/** An optimizer as two pure functions. Its memory of a parameter are state slots, zeros at first. */
export interface Optimizer {
  readonly slots: readonly string[]
  /** The numbers that change from step to step, which the update graph takes as inputs. `step` counts from 0. */
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

/** A kind of optimizer: a row of the table in `index.ts`. `S` are its spellings. */
export interface OptimizerKind<F extends Fields, S extends object> {
  readonly fields: F
  /** The names of this kind in the command's `--optimizer`, with the options that each stands for. */
  readonly spellings: S
  /** @throws VitrineError (config) for settings that do not go together. */
  create(settings: FieldValues<F>): Optimizer
}

/** The gradient with L2 decay: of the loss plus weightDecay / 2 · ‖parameter‖². */
export function decayedGradient(gradient: Tensor, parameter: Tensor, weightDecay: number): Tensor {
  return weightDecay === 0 ? gradient : ops.add(gradient, ops.mul(parameter, weightDecay))
}
