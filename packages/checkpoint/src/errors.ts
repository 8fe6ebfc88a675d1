import { escaped } from "@vitrine/archive"
import { VitrineError } from "@vitrine/core"

export { fileError, shown } from "@vitrine/archive"

/** A VitrineError of kind "config": `file: fault`, for a file that is whole but describes no possible model. */
export function configError(file: string, fault: string, cause?: unknown): VitrineError {
  return new VitrineError("config", escaped(`${file}: ${fault}`), cause === undefined ? {} : { cause })
}

/**
 * Makes something whose errors know nothing of a file.
 * @param paths where the file has a field, by the first word of the error; "" stands for all other words.
 * @throws VitrineError (config) with the file before what was wrong.
 */
export function inFile<T>(file: string, make: () => T, paths: Readonly<Record<string, string>> = {}): T {
  try {
    return make()
  } catch (error) {
    if (!VitrineError.isInstance(error) || error.kind !== "config") throw error
    const [word = ""] = /^\w+/.exec(error.message) ?? []
    const path = Object.hasOwn(paths, word) ? paths[word] : paths[""]
    throw configError(file, path === undefined ? error.message : `${path}: ${error.message}`, error)
  }
}
