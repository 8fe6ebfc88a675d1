import type { TaskName } from "@vitrine/checkpoint"
import { taskOfPath } from "@vitrine/checkpoint/node"
import { VitrineError } from "@vitrine/core"
import { modelPlace } from "./hub.ts"

/**
 * The task of a model, from anything that `load`, `loadDetector` or `loadReader` accepts. If its files do not determine
 * the task or cannot be read, it is `classify`, and loading then reports the fault.
 */
export async function taskOf(model: string): Promise<TaskName> {
  const { path } = await modelPlace(model)
  try {
    return await taskOfPath(path)
  } catch (error) {
    if (VitrineError.isInstance(error)) return "classify"
    throw error
  }
}
