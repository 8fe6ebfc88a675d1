import type { HostData, HostTensor, Key, Scope, Tensor } from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import type { Evaluation } from "../metrics.ts"

/** A batch as the loop knows it: by its number of examples. */
export interface Sized {
  readonly size: number
}

export type Inputs = Readonly<Record<string, HostData>>

/**
 * What a model learns: the loss as a graph, the inputs that the host makes of a batch, and how the model is measured. `B` is
 * a batch, `E` the result of an evaluation.
 */
export interface Objective<B extends Sized = Batch, E extends object = Evaluation> {
  /** The losses, from the inputs that `prepare` gives. Each row has a loss: an image, a patch of one, a symbol. */
  readonly rows: (scope: Scope) => Rows
  /** `batches` are all of the step, of which `batch` is one: a loss that divides by a count divides by that of the step. */
  readonly prepare: (batch: B, key: Key, batches: readonly B[]) => Prepared | Promise<Prepared>
  /**
   * The inputs of `rows` that the host computes from its `hostValues`. The step is then cut in two: the host computes these
   * after the first part and before the second.
   */
  readonly hostInputs?: (
    hostValues: Readonly<Record<string, HostTensor>>,
    batch: B,
    batches: readonly B[],
  ) => Inputs | Promise<Inputs>
  readonly measure: Measure<B, E>
}

export interface Rows {
  /** `[rows]` */
  readonly losses: Tensor
  /** The weight of each row, `[rows]`. */
  readonly weights: Tensor
  /** The values from which the host computes `hostInputs`. None is named `loss`. */
  readonly hostValues?: Readonly<Record<string, Tensor>>
}

export interface Prepared {
  readonly inputs: Inputs
  /** The weight of all rows together. */
  readonly total: number
}

/** How a model is measured: the backend computes outputs of each batch, and the host makes figures of them. */
export interface Measure<B extends Sized = Batch, E extends object = Evaluation> {
  readonly outputs: (scope: Scope) => Readonly<Record<string, Tensor>>
  /** Begins a pass over the data. */
  readonly pass: () => Pass<B, E>
  /** The figure by which checkpoints are compared; more is better. */
  readonly score: (evaluation: E) => number
  /** The figure that decides among equal scores; less is better. */
  readonly loss?: (evaluation: E) => number
}

export interface Pass<B extends Sized = Batch, E extends object = Evaluation> {
  /** Takes a batch in; `run` computes the outputs from inputs, as often as it is called. */
  add(batch: B, run: (inputs: Inputs) => Promise<Readonly<Record<string, HostTensor>>>): Promise<void>
  /** The figures of the pass. Its numbers are written down with a run. */
  result(): E
}
