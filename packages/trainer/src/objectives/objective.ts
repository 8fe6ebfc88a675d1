import type { HostData, HostTensor, Key, Scope, Tensor } from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import type { Evaluation } from "../metrics.ts"

/** All that the loop asks of a batch: how many examples it has. */
export interface Sized {
  readonly size: number
}

export type Inputs = Readonly<Record<string, HostData>>

/**
 * What is learned: the loss as a graph, what the host makes of a batch for it, and how it is measured. `B` is a batch, `E`
 * what an evaluation finds.
 */
export interface Objective<B extends Sized = Batch, E extends object = Evaluation> {
  /** From the inputs that `prepare` gives. A row is what has a loss: an image, a patch of one, a symbol. */
  readonly rows: (scope: Scope) => Rows
  readonly prepare: (batch: B, key: Key) => Prepared | Promise<Prepared>
  /** The inputs of `rows` that depend on what it lets the host see: the step is then cut in two, with this in between. */
  readonly between?: (seen: Readonly<Record<string, HostTensor>>, batch: B) => Inputs | Promise<Inputs>
  readonly measure: Measure<B, E>
}

export interface Rows {
  /** `[rows]` */
  readonly losses: Tensor
  /** What each row weighs, `[rows]`. */
  readonly weights: Tensor
  /** What the host must see before it can give all inputs, for an objective with `between`; not named `loss`. */
  readonly seen?: Readonly<Record<string, Tensor>>
}

export interface Prepared {
  readonly inputs: Inputs
  /** What the rows weigh together. */
  readonly total: number
}

/** How a model is measured: what is computed of a batch, and what the host makes of that. */
export interface Measure<B extends Sized = Batch, E extends object = Evaluation> {
  readonly outputs: (scope: Scope) => Readonly<Record<string, Tensor>>
  /** Begins a pass over the data. */
  readonly pass: () => Pass<B, E>
  /** The figure by which checkpoints are compared; more is better. */
  readonly score: (found: E) => number
}

export interface Pass<B extends Sized = Batch, E extends object = Evaluation> {
  /** Takes a batch in; `run` computes the outputs from inputs, as often as it is called. */
  add(batch: B, run: (inputs: Inputs) => Promise<Readonly<Record<string, HostTensor>>>): Promise<void>
  /** What was found. Its numbers are written down with a run. */
  result(): E
}
