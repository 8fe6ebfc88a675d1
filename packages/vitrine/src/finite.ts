import { VitrineError } from "@vitrine/core"

/** @throws VitrineError (config) for outputs of a model that are not all finite numbers. */
export function checkFinite(outputs: ArrayLike<number>): void {
  for (let i = 0; i < outputs.length; i++)
    if (!Number.isFinite(outputs[i]))
      throw new VitrineError("config", "the model answers with numbers that are not finite: its weights are damaged")
}
