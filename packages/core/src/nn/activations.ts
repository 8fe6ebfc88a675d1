import { gelu, relu } from "../tensor/fused.ts"
import { mul, sigmoid, tanh } from "../tensor/ops.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { rowNames } from "../tables.ts"

/**
 * The activations of MLPs, by timm's names. To add an activation, add a row. The type `Activation`, the checks, the
 * choices of `vitrine train --activation` and timm's `act_layer` follow from this table. If transformers has the
 * activation too, add its name in transformers to `checkpoint/src/activations.ts`.
 */
export const activations = {
  /** x Φ(x), by the error function. */
  gelu: (x: Tensor): Tensor => gelu(x),
  /** x Φ(x), approximated with tanh. */
  gelu_tanh: (x: Tensor): Tensor => gelu(x, { approximate: true }),
  /** x σ(1.702 x), as in OpenAI's CLIP. */
  quick_gelu: (x: Tensor): Tensor => mul(x, sigmoid(mul(x, 1.702))),
  relu: (x: Tensor): Tensor => relu(x),
  /** x σ(x). */
  silu: (x: Tensor): Tensor => mul(x, sigmoid(x)),
}

/** The names of the activations. */
export type Activation = keyof typeof activations

/** All activations. A configuration, a recipe and the command accept these names. */
export const activationNames: readonly Activation[] = rowNames(activations)

/** Applies an activation to each element. */
export function activate(x: Tensor, name: Activation): Tensor {
  return activations[name](x)
}

/**
 * The activations of the hidden layer before the logits. ViT's pre-training uses `tanh`. labml's ViT for CIFAR-10 uses
 * `relu`.
 */
export const preLogitsActivations = {
  tanh: (x: Tensor): Tensor => tanh(x),
  relu: (x: Tensor): Tensor => relu(x),
}

/** The names of the activations of a hidden layer before the logits. */
export type PreLogitsActivation = keyof typeof preLogitsActivations
