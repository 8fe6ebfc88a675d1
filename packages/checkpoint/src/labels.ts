import { configError, shown } from "./errors.ts"

/**
 * The names of classes: a list, or an object by index. Classes that the object leaves out are called by their index.
 * @param field the path of the names in the file.
 * @throws VitrineError (config)
 */
export function classNames(field: string, names: unknown, classes: number, file: string): string[] {
  if (typeof names !== "object" || names === null || (Array.isArray(names) && names.length !== classes))
    throw configError(file, `${field} must hold ${classes} names, got ${shown(names)}`)
  const entries: [string, unknown][] = Object.entries(names)
  const all = Array.from({ length: classes }, (_, index) => String(index))
  for (const [key, name] of entries) {
    const index = Number(key)
    if (!Number.isInteger(index) || index < 0 || index >= classes)
      throw configError(file, `${field} has ${shown(key)}, but the model has ${classes} classes`)
    if (typeof name !== "string") throw configError(file, `${field} of class ${index} is ${shown(name)}, not text`)
    all[index] = name
  }
  return all
}
