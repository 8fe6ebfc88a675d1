import { type Activation, activationNames } from "@vitrine/core"

/** timm's names of activations: those of core, and one more for SiLU. */
export const timmActivations: ReadonlyMap<string, Activation> = new Map<string, Activation>([
  ...activationNames.map((name) => [name, name] as const),
  ["swish", "silu"],
])

/** The names of activations in transformers, which does not have all of core's. The first of each is written. */
const huggingFaceNames: Readonly<Partial<Record<Activation, readonly string[]>>> = {
  gelu: ["gelu", "gelu_python"],
  gelu_tanh: ["gelu_pytorch_tanh", "gelu_new", "gelu_fast", "gelu_accurate", "gelu_python_tanh"],
  quick_gelu: ["quick_gelu"],
  relu: ["relu"],
  silu: ["silu", "swish"],
}

/** Activations by the names of transformers. */
export const huggingFaceActivations: ReadonlyMap<string, Activation> = new Map(
  activationNames.flatMap((activation) =>
    (huggingFaceNames[activation] ?? []).map((name) => [name, activation] as const),
  ),
)

/** The name of an activation in transformers; undefined for one that it does not have. */
export function huggingFaceName(activation: Activation): string | undefined {
  return huggingFaceNames[activation]?.[0]
}
