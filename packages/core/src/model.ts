import type { Parameter, Scope } from "./nn/scope.ts"
import type { Tensor } from "./tensor/tensor.ts"

/** A model of images of any family: all that measuring, training and export have to know of it. */
export interface ImageModel {
  /** Height and width of the input in pixels. */
  readonly imageSize: readonly [height: number, width: number]
  /** Colour channels of the input. */
  readonly channels: number
  /** Logits; 0 for a model that gives the pooled features. */
  readonly classes: number
  /** What is learned and published, in the order in which the model asks for it. */
  readonly parameters: readonly Parameter[]
  /**
   * Images `[batch, height, width, channels]` → logits `[batch, classes]`, or the pooled features. Every family has the
   * taps `pooled`, `[batch, width]`, and with classes `logits`.
   */
  readonly forward: (scope: Scope, images: Tensor) => Tensor
}
