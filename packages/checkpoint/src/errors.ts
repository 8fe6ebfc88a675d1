import { escaped } from "@vitrine/archive"
import { VitrineError } from "@vitrine/core"

export { fileError, shown } from "@vitrine/archive"

/** A VitrineError of kind "config": `file: fault`, for a file that is whole but describes no possible model. */
export function configError(file: string, fault: string, cause?: unknown): VitrineError {
  return new VitrineError("config", escaped(`${file}: ${fault}`), cause === undefined ? {} : { cause })
}

/**
 * Runs `make`, whose errors do not name the file, and adds the file to its errors.
 * @param paths the paths of fields in the file, by the first word of the error; "" is for all other words
 * @throws VitrineError (config) that begins with the file
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
