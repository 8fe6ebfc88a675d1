import type { Evaluation } from "./metrics.ts"

export interface StartEvent {
  readonly type: "start"
  /** Updates already taken, when a run is resumed. */
  readonly step: number
  readonly steps: number
  readonly stepsPerEpoch: number
  /** Numbers that the model learns. */
  readonly parameters: number
  readonly backend: string
  readonly device: string
}

export interface StepEvent {
  readonly type: "step"
  /** Updates taken, this one included. */
  readonly step: number
  /** Epochs taken, with a fraction. */
  readonly epoch: number
  /** Loss of this step's batch, before the update. */
  readonly loss: number
  readonly learningRate: number
  /** Norm of all gradients before clipping, where gradients are clipped or accumulated. */
  readonly gradientNorm?: number
  /** Factor of the loss for its gradients, where the loss is scaled. */
  readonly lossScale?: number
  /** Present where those gradients overflowed: nothing was updated, and the next scale is half of this. */
  readonly skipped?: true
  readonly imagesPerSecond: number
  /** Share of the time so far that was spent waiting for data. */
  readonly waiting: number
  /** Seconds that the rest of the run will take at the present pace. */
  readonly eta: number
}

/** The result of a pass over the validation data, such as an `Evaluation`. */
export type EvaluationEvent<E extends object = Evaluation> = E & {
  readonly type: "evaluation"
  readonly step: number
}

export interface CheckpointEvent {
  readonly type: "checkpoint"
  readonly step: number
  readonly path: string
}

export interface EndEvent {
  readonly type: "end"
  readonly step: number
  /** Whether all steps were taken, or an AbortSignal ended the run early. */
  readonly finished: boolean
  /** Seconds since the start. */
  readonly seconds: number
}

/** The events of a training. */
export type TrainEvent<E extends object = Evaluation> =
  | StartEvent
  | StepEvent
  | EvaluationEvent<E>
  | CheckpointEvent
  | EndEvent
