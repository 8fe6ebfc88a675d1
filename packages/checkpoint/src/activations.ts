import { type Activation, activationNames } from "@vitrine/core"

/** Activations by timm's names: those of core, and another name of SiLU. */
export const timmActivations: ReadonlyMap<string, Activation> = new Map<string, Activation>([
  ...activationNames.map((name) => [name, name] as const),
  ["swish", "silu"],
])

/**
 * The names of activations in transformers, which lacks some of core's. The first name of each is the one that is
 * written.
 */
const huggingFaceNames: Readonly<Partial<Record<Activation, readonly string[]>>> = {
  gelu: ["gelu", "gelu_python"],
  gelu_tanh: ["gelu_pytorch_tanh", "gelu_new", "gelu_fast", "gelu_accurate", "gelu_python_tanh"],
  quick_gelu: ["quick_gelu"],
  relu: ["relu"],
  silu: ["silu", "swish"],
}

/** Activations by transformers' names. */
export const huggingFaceActivations: ReadonlyMap<string, Activation> = new Map(
  activationNames.flatMap((activation) =>
    (huggingFaceNames[activation] ?? []).map((name) => [name, activation] as const),
  ),
)

/** The name of an activation in transformers, or undefined if transformers does not have it. */
export function huggingFaceName(activation: Activation): string | undefined {
  return huggingFaceNames[activation]?.[0]
}
