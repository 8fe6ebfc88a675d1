import { VitrineError } from "@vitrine/core"

/** @throws VitrineError (config) if not all outputs of a model are finite numbers */
export function checkFinite(outputs: ArrayLike<number>): void {
  for (let i = 0; i < outputs.length; i++)
    if (!Number.isFinite(outputs[i]))
      throw new VitrineError("config", "the model answers with numbers that are not finite: its weights are damaged")
}

/** A note on weights that are not finite, for an export that keeps them; none where all are. */
export function nonFinite(weights: Readonly<Record<string, Float32Array>>): readonly string[] {
  const names = Object.keys(weights).filter((name) => weights[name]?.some((value) => !Number.isFinite(value)))
  const [first, ...others] = names
  if (first === undefined) return []
  const rest = others.length > 0 ? ` and ${others.length} more tensors` : ""
  return [`"${first}"${rest} hold NaN or Inf, which the export keeps`]
}
