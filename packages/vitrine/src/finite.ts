import { VitrineError } from "@vitrine/core"

/** @throws VitrineError (config) where a model answers with anything that is no finite number. */
export function checkFinite(answers: ArrayLike<number>): void {
  for (let i = 0; i < answers.length; i++)
    if (!Number.isFinite(answers[i]))
      throw new VitrineError("config", "the model answers with numbers that are not finite: its weights are damaged")
}
