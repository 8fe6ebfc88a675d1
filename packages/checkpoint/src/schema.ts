/**
 * Schemas of JSON files: the pieces that they are built of, and one line for what does not fit.
 * A schema's message is the noun that an error needs: "text" becomes `architecture must be text, got 5`.
 */
import * as v from "valibot"
import { configError, shown } from "./errors.ts"
import { isObject } from "./fields.ts"

/** What checks data from outside, and gives them their type. */
export type Schema<T> = v.GenericSchema<unknown, T>

export const text: Schema<string> = v.string("text")
export const flag: Schema<boolean> = v.boolean("true or false")
export const number: Schema<number> = v.pipe(v.number("a number"), v.finite("a number"))
/** A number of pixels, or of anything else that is counted and may be 0. */
export const count: Schema<number> = v.pipe(v.number("a number"), v.safeInteger("a count"), v.minValue(0, "a count"))

/** @param bounds the smallest and the largest integer. */
export function integer([least, most]: readonly [least: number, most: number]): Schema<number> {
  const noun = `an integer from ${least} to ${most}`
  return v.pipe(v.number("a number"), v.integer(noun), v.minValue(least, noun), v.maxValue(most, noun))
}

/** One of a table's names. */
export function oneOf<const N extends string>(names: readonly N[]): Schema<N> {
  return v.picklist(names, `one of ${names.join(", ")}`)
}

/** A list; each item is checked. */
export function listOf<T>(item: Schema<T>): Schema<T[]> {
  return v.array(item, "a list")
}

/** No list, which has fields too. */
const anObject = v.check(isObject, "an object")

/** An object whose other fields are left alone. */
export function object<E extends v.ObjectEntries>(entries: E): Schema<v.InferOutput<v.LooseObjectSchema<E, string>>> {
  return v.pipe(v.unknown(), anObject, v.looseObject(entries))
}

/**
 * An object without other fields.
 * @param noun what the object is, as in `vitrine.model.depht is not a field of a model`.
 */
export function only<E extends v.ObjectEntries>(
  noun: string,
  entries: E,
): Schema<v.InferOutput<v.StrictObjectSchema<E, string>>> {
  // Without a prototype, so that `toString` is no field.
  const fields: E = Object.assign(Object.create(null), entries)
  return v.pipe(v.unknown(), anObject, v.strictObject(fields, `is not a field of ${noun}`))
}

/**
 * Plain data that fits a schema.
 * @param where names the file, or the thing, in errors.
 * @throws VitrineError (config) of one line: the path of the first field that does not fit, what it must be and what it is.
 */
export function parse<T>(schema: Schema<T>, data: unknown, where: string): T {
  const result = v.safeParse(schema, data, { abortEarly: true, abortPipeEarly: true })
  if (result.success) return result.output
  throw configError(where, fault(result.issues[0]))
}

function fault(issue: v.BaseIssue<unknown>): string {
  const path = pathOf(issue)
  const last = issue.path?.at(-1)
  if (last?.origin === "key") return issue.expected === "never" ? `${path} ${issue.message}` : `${path} is missing`
  return path === ""
    ? `must hold ${issue.message}, got ${shown(issue.input)}`
    : `${path} must be ${issue.message}, got ${shown(issue.input)}`
}

/** `model_args.channels[1]` */
function pathOf({ path }: v.BaseIssue<unknown>): string {
  let whole = ""
  for (const { key } of path ?? []) {
    const name = String(key)
    if (typeof key === "number" || !/^[\w-]+$/.test(name)) whole += `[${shown(key)}]`
    else whole += whole === "" ? name : `.${name}`
  }
  return whole
}
