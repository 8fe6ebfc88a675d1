import { VitrineError } from "@vitrine/core"

/** @throws VitrineError (config) if not all outputs of a model are finite numbers */
export function checkFinite(outputs: ArrayLike<number>): void {
  for (let i = 0; i < outputs.length; i++)
    if (!Number.isFinite(outputs[i]))
      throw new VitrineError("config", "the model answers with numbers that are not finite: its weights are damaged")
}
