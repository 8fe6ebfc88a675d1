import { VitrineError } from "@vitrine/core"

/**
 * Runs `make` for a field, so that errors name the field.
 * @param where the recipe or the file in errors
 * @param path the field, or "" for the whole
 * @throws VitrineError of the same kind, whose message begins with the place
 */
export function inField<T>(where: string, path: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (!VitrineError.isInstance(error)) throw error
    const place = path === "" ? where : `${where}: ${path}`
    throw new VitrineError(error.kind, `${place}: ${error.message}`, { cause: error })
  }
}
