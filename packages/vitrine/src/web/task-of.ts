import { taskOfFiles, type TaskName } from "@vitrine/checkpoint"
import { locateModel, type ModelLocation, type ModelSource } from "./files.ts"

/**
 * The task of a model, of anything that `load` or `loadDetector` takes; `classify` where its files do not tell.
 * @throws VitrineError (file) for files without a model, and what cannot be fetched.
 */
export async function taskOf(source: ModelSource): Promise<TaskName> {
  return taskAt(await locateModel(source))
}

/** The task of the model at a location. */
export async function taskAt(location: ModelLocation): Promise<TaskName> {
  return location.kind === "npz" ? "classify" : taskOfFiles(location.folder, location.weightsFile)
}
