import { configError, shown } from "./errors.ts"

/** The names of classes, in the order of the logits, or null if they do not fit. Then the notes say so. */
export interface ClassNames {
  readonly labels: readonly string[] | null
  readonly notes: readonly string[]
}

/**
 * Reads the names of classes: a list, or an object by index. Names may be numbers. Classes that the object leaves out
 * are named by their index. If the number of classes differs, the names are ignored.
 * @param field the path of the names in the file
 * @throws VitrineError (config) for a value without names
 */
export function classNames(field: string, names: unknown, classes: number, file: string): ClassNames {
  if (typeof names !== "object" || names === null)
    throw configError(file, `${field} must hold ${classes} names, got ${shown(names)}`)
  const entries: [string, unknown][] = Object.entries(names)
  const all = Array.from({ length: classes }, (_, index) => String(index))
  for (const [key, name] of entries) {
    const index = Number(key)
    if (!Number.isInteger(index) || index < 0) throw configError(file, `${field} has ${shown(key)}, which is no class`)
    if (typeof name !== "string" && typeof name !== "number")
      throw configError(file, `${field} of class ${index} is ${shown(name)}, not text`)
    if (index < classes) all[index] = String(name)
  }
  const fits = Array.isArray(names) ? names.length === classes : entries.every(([key]) => Number(key) < classes)
  if (fits) return { labels: all, notes: [] }
  const stray = entries.find(([key]) => Number(key) >= classes)
  const fault = entries.length === classes && stray ? `a class ${stray[0]}` : `${entries.length} classes`
  const note = `${field} names ${fault}, but the model has ${classes}: they are called by their numbers`
  return { labels: null, notes: [note] }
}
