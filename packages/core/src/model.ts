import type { Parameter, Scope } from "./nn/scope.ts"
import type { Tensor } from "./tensor/tensor.ts"

/** An image model of any family. Evaluation, training and export need no more than this. */
export interface ImageModel {
  /** Height and width of the input in pixels. */
  readonly imageSize: readonly [height: number, width: number]
  /** Colour channels of the input. */
  readonly channels: number
  /** The number of logits; 0 for a model that gives the pooled features. */
  readonly classes: number
  /** The parameters, in the order in which the model uses them. */
  readonly parameters: readonly Parameter[]
  /**
   * Images `[batch, height, width, channels]` → logits `[batch, classes]`, or the pooled features if there are no
   * classes. Every model has the tap `pooled`, `[batch, width]`. A model with classes also has the tap `logits`.
   */
  readonly forward: (scope: Scope, images: Tensor) => Tensor
}
