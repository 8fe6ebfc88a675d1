import { taskOfFiles, type TaskName } from "@vitrine/checkpoint"
import { findFiles, type ModelSource } from "./files.ts"

/**
 * The task of a model, of anything that `load` or `loadDetector` takes; `classify` where its files do not tell.
 * @throws VitrineError (file) for files without a model, and what cannot be fetched.
 */
export async function taskOf(source: ModelSource): Promise<TaskName> {
  const files = await findFiles(source)
  return "npz" in files ? "classify" : taskOfFiles(files.folder, files.weightsFile)
}
