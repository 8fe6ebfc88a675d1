import type { HostData, HostTensor, Key, Scope, Tensor } from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import type { Evaluation } from "../metrics.ts"

/** The part of a batch that the training loop reads. */
export interface Sized {
  readonly size: number
}

/** Values for the inputs of a graph by name. */
export type Inputs = Readonly<Record<string, HostData>>

/**
 * What a model learns: a loss as a graph, the inputs that the host makes from a batch, and a measure. `B` is the type
 * of a batch, `E` that of an evaluation.
 */
export interface Objective<B extends Sized = Batch, E extends object = Evaluation> {
  /**
   * The graph from the inputs that `prepare` makes to the losses of rows. A row is an image, a patch of an image, or a
   * symbol of a text.
   */
  readonly rows: (scope: Scope) => Rows
  /**
   * What the losses of all other micro-batches of a step depend on in one of them, as plain data: a loss that divides by
   * a count divides by that of the whole step.
   */
  readonly share?: (batch: B) => Share
  /** Makes the inputs of one batch. `shares` are those of all micro-batches of the step, if there are any. */
  readonly prepare: (batch: B, key: Key, shares: readonly Share[]) => Prepared | Promise<Prepared>
  /**
   * Makes those inputs of `rows` that depend on its `hostValues`. If this function exists, the step is cut in two. The
   * host runs it between the two parts.
   */
  readonly hostInputs?: (
    hostValues: Readonly<Record<string, HostTensor>>,
    batch: B,
    shares: readonly Share[],
  ) => Inputs | Promise<Inputs>
  readonly measure: Measure<B, E>
}

/** What a micro-batch adds to a step, in numbers. */
export type Share = Readonly<Record<string, number>>

/** The losses of a batch as tensors. */
export interface Rows {
  /** The losses, `[rows]`. */
  readonly losses: Tensor
  /** The weight of each row, `[rows]`. */
  readonly weights: Tensor
  /** The values from which the host computes `hostInputs`. None is named `loss`. */
  readonly hostValues?: Readonly<Record<string, Tensor>>
}

/** A batch as inputs of a graph. */
export interface Prepared {
  readonly inputs: Inputs
  /** The sum of the weights of all rows. */
  readonly total: number
}

/** How a model is measured. The backend computes outputs for each batch, and the host computes figures from them. */
export interface Measure<B extends Sized = Batch, E extends object = Evaluation> {
  readonly outputs: (scope: Scope) => Readonly<Record<string, Tensor>>
  /** Begins a pass over the data. */
  readonly pass: () => Pass<B, E>
  /**
   * The score by which checkpoints are compared. Greater is better. If it is null, the last checkpoint is published.
   */
  readonly score: (evaluation: E) => number | null
  /** The figure that decides between checkpoints with equal scores. Smaller is better. */
  readonly loss?: (evaluation: E) => number
}

/** A pass over validation data that collects figures. */
export interface Pass<B extends Sized = Batch, E extends object = Evaluation, R = unknown> {
  /**
   * Measures a batch and changes nothing. `run` computes the outputs from inputs, and may be called several times.
   * @returns a record as plain data, which `structuredClone` copies. Other processes may have made it.
   */
  record(batch: B, run: (inputs: Inputs) => Promise<Readonly<Record<string, HostTensor>>>): Promise<R>
  /** Adds a record. Records come in the order of batches. */
  add(record: R): void
  /** The figures of the pass. They are stored with a run. */
  result(): E
}
