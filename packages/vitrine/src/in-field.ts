import { VitrineError } from "@vitrine/core"

/**
 * Makes something from a field, so that errors name the field.
 * @param where names the recipe or the file in errors.
 * @param path names the field; "" for the whole.
 * @throws VitrineError of the same kind, whose message begins with the place.
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
