import type { TaskName } from "@vitrine/checkpoint"
import { taskOfPath } from "@vitrine/checkpoint/node"
import { VitrineError } from "@vitrine/core"
import { locate } from "./hub.ts"

/**
 * The task of a model, of anything that `load`, `loadDetector` or `loadReader` takes. Where its files do not tell, or cannot
 * be read, it is `classify`: loading then says what is wrong.
 */
export async function taskOf(model: string): Promise<TaskName> {
  const { path } = await locate(model)
  try {
    return await taskOfPath(path)
  } catch (error) {
    if (VitrineError.isInstance(error)) return "classify"
    throw error
  }
}
