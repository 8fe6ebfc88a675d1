/**
 * Schemas of JSON files: their parts, and an error of one line for data that do not fit. A schema's message is the noun
 * in the error: "text" becomes `architecture must be text, got 5`.
 */
import * as v from "valibot"
import { configError, shown } from "./errors.ts"
import { isObject } from "./json.ts"

/** A check of data from outside that gives them a type. */
export type Schema<T> = v.GenericSchema<unknown, T>

export const text: Schema<string> = v.string("text")
export const flag: Schema<boolean> = v.boolean("true or false")
export const number: Schema<number> = v.pipe(v.number("a number"), v.finite("a number"))
/** A number of pixels or of other countable things, which may be 0. */
export const count: Schema<number> = v.pipe(v.number("a number"), v.safeInteger("a count"), v.minValue(0, "a count"))

const isCount = (value: unknown): value is number => v.is(count, value)

/** A count of pixels for both sides, or [height, width]. */
export const pair: Schema<readonly [height: number, width: number]> = v.pipe(
  v.custom<number | readonly [number, number]>(
    (value) => isCount(value) || (Array.isArray(value) && value.length === 2 && value.every(isCount)),
    "a count of pixels or [height, width]",
  ),
  v.transform((sides): readonly [number, number] => (typeof sides === "number" ? [sides, sides] : sides)),
)

/** A number for each channel. A list of one number counts for all channels. */
export function perChannel(channels: number): Schema<readonly number[]> {
  return v.pipe(
    v.custom<readonly number[]>(
      (value) =>
        Array.isArray(value) && (value.length === 1 || value.length === channels) && value.every(Number.isFinite),
      `${channels} numbers, one a channel`,
    ),
    v.transform((values) => Array.from({ length: channels / values.length }, () => values).flat()),
  )
}

/** @param bounds the least and the greatest integer */
export function integer([least, most]: readonly [least: number, most: number]): Schema<number> {
  const noun = `an integer from ${least} to ${most}`
  return v.pipe(v.number("a number"), v.integer(noun), v.minValue(least, noun), v.maxValue(most, noun))
}

/** @param range the bounds of each side */
export function sides(range: readonly [least: number, most: number]): Schema<readonly [height: number, width: number]> {
  return v.strictTuple([integer(range), integer(range)], "[height, width]")
}

/** One of the names in a table. */
export function oneOf<const N extends string>(names: readonly N[]): Schema<N> {
  return v.picklist(names, `one of ${names.join(", ")}`)
}

/** The value of a row, found by the row's name. */
export function rowOf<T extends {}>(table: ReadonlyMap<string, T>): Schema<T> {
  const noun = `one of ${[...table.keys()].join(", ")}`
  return v.pipe(
    v.string(noun),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const row = table.get(dataset.value)
      if (row !== undefined) return row
      addIssue({ message: noun })
      return NEVER
    }),
  )
}

/** A list; each item is checked. */
export function listOf<T>(item: Schema<T>): Schema<T[]> {
  return v.array(item, "a list")
}

/** An object that may have other fields too. */
export function object<E extends v.ObjectEntries>(entries: E): Schema<v.InferOutput<v.LooseObjectSchema<E, string>>> {
  return v.pipe(v.unknown(), anObject, withRequired(entries), v.looseObject(entries))
}

/**
 * An object without other fields.
 * @param noun words for the object, as in `vitrine.model.depht is not a field of a model`
 */
export function only<E extends v.ObjectEntries>(
  noun: string,
  entries: E,
): Schema<v.InferOutput<v.StrictObjectSchema<E, string>>> {
  // The object has no prototype, so that `toString` is no field.
  const fields: E = Object.assign(Object.create(null), entries)
  const strict = v.strictObject(fields, `is not a field of ${noun}`)
  return v.pipe(v.unknown(), anObject, withRequired(entries), strict)
}

/** Names that valibot ignores, since JavaScript objects inherit them. */
const inherited = ["__proto__", "constructor", "prototype"]

/** Refuses lists, which have fields too, and objects with ignored fields. */
const anObject = v.rawCheck<unknown>(({ dataset: { value }, addIssue }) => {
  if (!isObject(value)) addIssue({ message: "an object" })
  else if (inherited.some((name) => Object.hasOwn(value, name)))
    addIssue({ message: `an object without a field ${inherited.join(", ")}` })
})

const optional: readonly string[] = ["exact_optional", "nullish", "optional"]

/** Gives missing fields the value undefined, so that their schemas report them. */
function withRequired(entries: v.ObjectEntries): v.TransformAction<unknown, unknown> {
  const required = Object.keys(entries).filter((name) => !optional.includes(entries[name]?.type ?? ""))
  const missing = Object.fromEntries(required.map((name) => [name, undefined]))
  return v.transform((data) => (isObject(data) ? { ...missing, ...data } : data))
}

/**
 * Checks plain data with a schema.
 * @param where the file or thing in errors
 * @param at the path of `data` in the file
 * @throws VitrineError (config) of one line: the path of the first invalid field, what it must be and what it is
 */
export function parse<T>(schema: Schema<T>, data: unknown, where: string, at = ""): T {
  const result = v.safeParse(schema, data, { abortEarly: true, abortPipeEarly: true })
  if (result.success) return result.output
  throw configError(where, fault(result.issues[0], at))
}

function fault(issue: v.BaseIssue<unknown>, at: string): string {
  const path = pathOf(issue, at)
  const last = issue.path?.at(-1)
  if (last?.origin === "key") return issue.expected === "never" ? `${path} ${issue.message}` : `${path} is missing`
  return path === ""
    ? `must hold ${issue.message}, got ${shown(issue.input)}`
    : `${path} must be ${issue.message}, got ${shown(issue.input)}`
}

/** A path such as `model_args.channels[1]`. */
function pathOf({ path }: v.BaseIssue<unknown>, at: string): string {
  let whole = at
  for (const { key } of path ?? []) {
    const name = String(key)
    if (typeof key === "number" || !/^[\w-]+$/.test(name)) whole += `[${shown(key)}]`
    else whole += whole === "" ? name : `.${name}`
  }
  return whole
}
