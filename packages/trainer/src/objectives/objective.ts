import type { HostData, Key, Scope, Tensor } from "@vitrine/core"
import type { Batch } from "@vitrine/data"

/** What is learned: the loss as a graph, and what the host makes of a batch for it. */
export interface Objective {
  /** How many outcomes a row is told apart by. */
  readonly classes: number
  /** From the inputs that `prepare` gives. A row is an image, or a patch of one. */
  readonly rows: (scope: Scope) => Rows
  readonly prepare: (batch: Batch, key: Key) => Prepared | Promise<Prepared>
  /** What is measured on validation data, where it is not the same. */
  readonly measured?: Objective
}

export interface Rows {
  /** `[rows, classes]` */
  readonly logits: Tensor
  /** `[rows]` */
  readonly losses: Tensor
  /** What each row weighs, `[rows]`. */
  readonly weights: Tensor
}

export interface Prepared {
  readonly inputs: Readonly<Record<string, HostData>>
  /** The outcome of each row and whether it counts, for accuracy. */
  readonly labels: Int32Array
  readonly weights: Float32Array
  /** What the rows weigh together. */
  readonly total: number
}
