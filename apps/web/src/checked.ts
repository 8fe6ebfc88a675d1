/** Anything whose elements have numbers. */
interface Elements<T> {
  readonly length: number
  readonly [index: number]: T
}

/** @throws RangeError if there is no such element */
export function elementAt<T>(elements: Elements<T>, index: number): T {
  const element = elements[index]
  if (element === undefined) throw new RangeError(`no element ${index} among ${elements.length}`)
  return element
}

/** @throws RangeError if the record has no such entry */
export function entryOf<T>(record: Readonly<Record<string, T>>, name: string): T {
  const entry = record[name]
  if (entry === undefined) throw new RangeError(`no entry named ${name}`)
  return entry
}

/** A value within parsed JSON, or undefined if there is none. */
export function valueIn(json: unknown, ...path: readonly string[]): unknown {
  return path.reduce(
    (value, name) => (typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined),
    json,
  )
}
