import { VitrineError } from "./errors.ts"

/**
 * The values that a field of options can hold, as plain data. A table of fields by name describes an object of options.
 * The object's type (`FieldValues`), its check (`checkFields`), the choices of a command and a schema all follow from
 * the table.
 */
export type Field = (
  | NumberField
  | { readonly kind: "boolean" }
  | { readonly kind: "text" }
  | { readonly kind: "choice"; readonly of: readonly (string | number)[] }
  | { readonly kind: "nullable"; readonly of: Field }
  | { readonly kind: "tuple"; readonly of: readonly Field[] }
  | { readonly kind: "list"; readonly of: Field }
  /** An object with any names as keys. */
  | { readonly kind: "record"; readonly of: Field }
  /** A value of any of these fields. */
  | { readonly kind: "either"; readonly of: readonly Field[] }
) & {
  /** The field may be left out. */
  readonly optional?: true
}

/** A finite number, within bounds where there are any. */
export interface NumberField {
  readonly kind: "number"
  readonly integer?: true
  /** The least value that is allowed. */
  readonly from?: number
  /** Values must be greater than this. */
  readonly above?: number
  /** The greatest value that is allowed. */
  readonly to?: number
  /** Values must be less than this. */
  readonly below?: number
}

/** The fields of an object of options by name. */
export type Fields = Readonly<Record<string, Field>>

/** The type of the values that a field holds. */
export type FieldValue<F extends Field> = F extends { readonly of: infer O }
  ? CompoundValues<O>[F["kind"] & keyof CompoundValues<O>]
  : SimpleValues[F["kind"] & keyof SimpleValues]

interface SimpleValues {
  number: number
  boolean: boolean
  text: string
}

interface CompoundValues<O> {
  choice: O extends readonly (infer C)[] ? C : never
  nullable: O extends Field ? FieldValue<O> | null : never
  tuple: { readonly [I in keyof O]: O[I] extends Field ? FieldValue<O[I]> : never }
  list: O extends Field ? readonly FieldValue<O>[] : never
  record: O extends Field ? Readonly<Record<string, FieldValue<O>>> : never
  either: O extends readonly (infer E extends Field)[] ? FieldValue<E> : never
}

/** The type of the options that a table describes. */
export type FieldValues<T extends Fields> = {
  readonly [N in keyof T as T[N] extends { readonly optional: true } ? never : N]: FieldValue<T[N]>
} & {
  readonly [N in keyof T as T[N] extends { readonly optional: true } ? N : never]?: FieldValue<T[N]>
}

/** Whether a field can hold a value. */
export function accepts(field: Field, value: unknown): boolean {
  switch (field.kind) {
    case "number":
      return typeof value === "number" && isWithin(field, value)
    case "boolean":
      return typeof value === "boolean"
    case "text":
      return typeof value === "string"
    case "choice":
      return field.of.some((each) => each === value)
    case "nullable":
      return value === null || accepts(field.of, value)
    case "tuple":
      return (
        Array.isArray(value) &&
        value.length === field.of.length &&
        field.of.every((item, place) => accepts(item, value[place]))
      )
    case "list":
      return Array.isArray(value) && value.every((item) => accepts(field.of, item))
    case "record":
      return (
        typeof value === "object" &&
        value !== null &&
        !Array.isArray(value) &&
        Object.values(value).every((item) => accepts(field.of, item))
      )
    case "either":
      return field.of.some((each) => accepts(each, value))
  }
}

function isWithin({ integer, from = -Infinity, above, to = Infinity, below }: NumberField, x: number): boolean {
  return (
    (integer ? Number.isSafeInteger(x) : Number.isFinite(x)) &&
    x >= from &&
    x <= to &&
    (above === undefined || x > above) &&
    (below === undefined || x < below)
  )
}

/** Describes the values that a field can hold, in words that follow "must be": "a positive integer", "one of a, b". */
export function expectation(field: Field): string {
  switch (field.kind) {
    case "number":
      return field.integer ? integerExpectation(field) : numberExpectation(field)
    case "boolean":
      return "true or false"
    case "text":
      return "text"
    case "choice":
      return `one of ${field.of.join(", ")}`
    case "nullable":
      return `${expectation(field.of)} or null`
    case "tuple":
      return `[${field.of.map(expectation).join(", ")}]`
    case "list":
      return `a list, each ${expectation(field.of)}`
    case "record":
      return `values by name, each ${expectation(field.of)}`
    case "either":
      return field.of.map(expectation).join(" or ")
  }
}

function integerExpectation({ from, to }: NumberField): string {
  if (from !== undefined && to !== undefined) return `an integer from ${from} to ${to}`
  if (from === 1) return "a positive integer"
  return from === 0 ? "a whole number" : "an integer"
}

function numberExpectation({ from, above, to, below }: NumberField): string {
  if (to === undefined && below === undefined) {
    if (above !== undefined) return above === 0 ? "a positive number" : `a number above ${above}`
    return from === undefined ? "a number" : `a number of ${from} or more`
  }
  const low = above === undefined ? `[${from ?? "−∞"}` : `(${above}`
  return `a number in ${low}, ${to === undefined ? `${below})` : `${to}]`}`
}

/**
 * Checks options against their table.
 * @param place the start of each field's name in errors, such as `schedule.`
 * @throws VitrineError (config) for the first field whose value its table does not allow.
 */
export function checkFields(fields: Fields, options: object, place = ""): void {
  const values = new Map<string, unknown>(Object.entries(options))
  for (const [name, field] of Object.entries(fields)) {
    const value = values.get(name)
    if (!(accepts(field, value) || (value === undefined && field.optional)))
      throw new VitrineError("config", `${place}${name} must be ${expectation(field)}, got ${showValue(value)}`)
  }
}

const longest = 100

/** A value for an error message: text in quotes, NaN as NaN, long values cut. */
export function showValue(value: unknown): string {
  // JSON cannot express NaN, infinities and functions.
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value))
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text
}
