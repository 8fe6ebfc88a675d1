import type { Evaluation } from "./metrics.ts"

/** The run begins or continues. */
export interface StartEvent {
  readonly type: "start"
  /** Updates so far: 0, or more if the run was resumed. */
  readonly step: number
  readonly steps: number
  readonly stepsPerEpoch: number
  /** Count of the numbers that the model learns. */
  readonly parameters: number
  /** Numbers of the model that do not change: frozen parameters and computed tables. */
  readonly frozen: number
  readonly backend: string
  readonly device: string
}

/** An update was made. */
export interface StepEvent {
  readonly type: "step"
  /** Updates so far, with this one. */
  readonly step: number
  /** Epochs so far, with a fraction. */
  readonly epoch: number
  /** Loss of this step's batch, before the update. */
  readonly loss: number
  readonly learningRate: number
  /** Norm of all gradients before clipping, if gradients are clipped or accumulated. */
  readonly gradientNorm?: number
  /** The factor by which this step's loss was scaled, if the loss is scaled. */
  readonly lossScale?: number
  /**
   * Present if the scaled gradients overflowed. Then nothing was updated, and the next step's scale is half of this
   * one.
   */
  readonly skipped?: true
  readonly imagesPerSecond: number
  /** Share of the time so far in which the loop waited for data. */
  readonly waiting: number
  /** Seconds until the end of the run at the present pace. */
  readonly eta: number
}

/** The result of a pass over the validation data, or over test data, such as an `Evaluation`. */
export type EvaluationEvent<E extends object = Evaluation> = E & {
  readonly type: "evaluation"
  readonly step: number
  /** Present if the data are a test split, by which no checkpoint is chosen. */
  readonly split?: "test"
}

/** A checkpoint was written. */
export interface CheckpointEvent {
  readonly type: "checkpoint"
  readonly step: number
  readonly path: string
}

/** The run has ended. */
export interface EndEvent {
  readonly type: "end"
  readonly step: number
  /** True if all steps are done, false if an AbortSignal ended the run early. */
  readonly finished: boolean
  /** Seconds since the start. */
  readonly seconds: number
}

/** An image that cannot be read. It keeps its position in the order of the data, with weight 0. */
export interface BrokenImageEvent {
  readonly type: "broken"
  /** The number of updates before the image was read. */
  readonly step: number
  /** The name of the image and its fault. */
  readonly message: string
}

/** The events of a training. */
export type TrainEvent<E extends object = Evaluation> =
  | StartEvent
  | StepEvent
  | EvaluationEvent<E>
  | CheckpointEvent
  | BrokenImageEvent
  | EndEvent
