/** Recipes and records that are wrong in one place. The tests run in Node and in a page. */
import { showValue, VitrineError } from "@vitrine/core"
import fc from "fast-check"
import { expect } from "vitest"

export type Path = readonly (string | number)[]

export interface Mutation {
  readonly path: Path
  readonly value: unknown
}

/** The paths of all values in plain data. */
function pathsIn(data: unknown, path: Path = []): Path[] {
  if (typeof data !== "object" || data === null) return [path]
  const inner = Array.isArray(data) ? [...data.entries()] : Object.entries(data)
  return [path, ...inner.flatMap(([key, value]) => pathsIn(value, [...path, key]))]
}

const absent = Symbol("absent")

function changed(data: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value
  if (Array.isArray(data)) {
    const list: unknown[] = [...data]
    const item = changed(list[Number(key)], rest, value)
    list.splice(Number(key), 1, ...(item === absent ? [] : [item]))
    return list
  }
  const fields = new Map<string, unknown>(Object.entries(Object(data)))
  const item = changed(fields.get(String(key)), rest, value)
  if (item === absent) fields.delete(String(key))
  else fields.set(String(key), item)
  return Object.fromEntries(fields)
}

const strange: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(
    null,
    true,
    false,
    Number.NaN,
    Infinity,
    -1,
    0,
    0.5,
    1,
    1.5,
    2 ** 53,
    1e300,
    "",
    "1",
    "lion",
    [],
    {},
    [1, 2, 3],
  ),
  fc.constantFrom({ op: "flip" }, { name: "lion" }, [[]], [null], "AdamW", "toString", "__proto__"),
  fc.double(),
  fc.integer(),
  fc.string(),
  fc.array(fc.double(), { maxLength: 4 }),
  fc.constant(absent),
)

/** Plain data with one value changed, removed or added. */
export function mutations(data: object, root: Path = []): fc.Arbitrary<Mutation & { readonly data: object }> {
  const paths = pathsIn(valueAt(data, root)).map((path) => [...root, ...path])
  const changes = fc.record({
    path: fc.constantFrom(...paths.filter(({ length }) => length > root.length)),
    value: strange,
  })
  const objects = paths.filter((path) => isObject(valueAt(data, path)))
  const additions = fc
    .record({
      path: fc.constantFrom(...objects),
      key: fc.constantFrom("lion", "betaz", "constructor", "0"),
      value: strange,
    })
    .map(({ path, key, value }) => ({ path: [...path, key], value }))
  return fc
    .oneof({ arbitrary: changes, weight: 5 }, { arbitrary: additions, weight: 1 })
    .map(({ path, value }) => ({ path, value, data: Object(changed(data, path, value)) }))
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value)

function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => new Map(Object.entries(Object(value))).get(String(key)), data)
}

/**
 * Expects that reading plain data with one change either works or fails in one line that names the place.
 * @param read reads the data
 * @param depth how many keys of the path the line must name: errors of what does not go together name a field beside
 * @returns how many of the changes were refused
 */
export function expectOneLine(
  data: object,
  read: (data: object) => unknown,
  { root = [], where, depth, runs = 200 }: { root?: Path; where: string; depth: number; runs?: number },
): number {
  let refused = 0
  for (const mutation of fc.sample(mutations(data, root), { numRuns: runs, seed: 14 })) {
    const shown = `${mutation.path.join(".")} = ${showValue(mutation.value)}`
    try {
      read(mutation.data)
    } catch (error) {
      refused++
      if (!VitrineError.isInstance(error)) throw new Error(`${shown}: ${String(error)}`, { cause: error })
      expect(error.message.startsWith(`${where}: `), `${shown}: ${error.message}`).toBe(true)
      expect(error.message, shown).not.toContain("\n")
      for (const key of mutation.path.slice(0, depth))
        expect(error.message, shown).toContain(typeof key === "number" ? `[${key}]` : key)
    }
  }
  return refused
}
