import { taskOfFiles, type TaskName } from "@vitrine/checkpoint"
import { locateModel, type ModelLocation, type ModelSource } from "./files.ts"

/**
 * The task of a model, from anything that `load` or `loadDetector` accepts. It is `classify` if the files do not
 * determine it.
 * @throws VitrineError (file) for files without a model, and for files that cannot be fetched
 */
export async function taskOf(source: ModelSource): Promise<TaskName> {
  return taskAt(await locateModel(source))
}

/** The task of the model at a location. */
export async function taskAt(location: ModelLocation): Promise<TaskName> {
  return location.kind === "npz" ? "classify" : taskOfFiles(location.folder, location.weightsFile)
}
