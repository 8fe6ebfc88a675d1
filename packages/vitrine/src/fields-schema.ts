/** Makes schemas of valibot from tables of fields. */
import { schemas } from "@vitrine/checkpoint"
import { accepts, expectation, type Field, type Fields } from "@vitrine/core"
import { distance } from "fastest-levenshtein"
import * as v from "valibot"

export type Schema = schemas.Schema<unknown>
export type Entries = Readonly<Record<string, Schema>>

/** Makes the schema of an object from its entries: `strict` for recipes, `lenient` for records. */
export type ObjectSchema = (noun: string, entries: Entries) => Schema

/** A schema that refuses other fields, since they are mistakes in a recipe. */
export const strict: ObjectSchema = (noun, entries) =>
  v.pipe(v.unknown(), v.check(isObject, "an object"), onlyFields(noun, Object.keys(entries)), v.object({ ...entries }))

/** Refuses the fields of an object that are not among `names`, and suggests the most similar name. */
export function onlyFields(noun: string, names: readonly string[]): v.RawCheckAction<unknown> {
  return v.rawCheck(({ dataset: { value: input }, addIssue }) => {
    const other = Object.entries(Object(input)).find(([key]) => !names.includes(key))
    if (other === undefined) return
    const [key, value] = other
    const message = `is not a field of ${noun}${suggestion(key, names)}`
    addIssue({
      message,
      expected: "never",
      path: [{ type: "object", origin: "key", input: Object(input), key, value }],
    })
  })
}

function suggestion(name: string, names: readonly string[]): string {
  const wrong = (other: string): number => distance(name.toLowerCase(), other.toLowerCase())
  const nearest = names.reduce((a, b) => (wrong(b) < wrong(a) ? b : a))
  return wrong(nearest) < Math.min(3, name.length / 2) ? `; did you mean ${nearest}?` : ""
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** A schema that ignores other fields, since another version may have written them in a record. */
export const lenient: ObjectSchema = (_, entries) => schemas.object(entries)

/** The schema of a field. The parts of lists and tuples are checked one by one, so that an error names their place. */
export function fieldSchema(field: Field): Schema {
  switch (field.kind) {
    case "tuple": {
      const { length } = field.of
      const fits = (value: unknown): boolean => Array.isArray(value) && value.length === length
      return v.pipe(v.custom<unknown[]>(fits, expectation(field)), v.tuple(field.of.map(fieldSchema)))
    }
    case "list":
      return schemas.listOf(fieldSchema(field.of))
    default:
      return v.custom<unknown>((value) => accepts(field, value), expectation(field))
  }
}

/** The entries of an object with these fields. */
export function entriesOf(fields: Fields): Entries {
  return mapEntries(fields, (field) => (field.optional ? v.optional(fieldSchema(field)) : fieldSchema(field)))
}

/** The entries of an object that may lack any of these fields. */
export function partialEntries(fields: Fields): Entries {
  return mapEntries(fields, (field) => v.optional(fieldSchema(field)))
}

function mapEntries(fields: Fields, schemaOf: (field: Field) => Schema): Entries {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, schemaOf(field)]))
}

/**
 * The schema of an object whose field `tag` names a row of a table.
 * @param noun words for a row, such as "transform"
 * @param rows the other entries of each row
 */
export function taggedSchema(
  object: ObjectSchema,
  tag: string,
  noun: string,
  rows: Readonly<Record<string, Entries>>,
): Schema {
  const name = schemas.oneOf(Object.keys(rows))
  const tagAlone = schemas.object({ [tag]: name })
  const schemaByName = new Map<unknown, Schema>(
    Object.entries(rows).map(([row, entries]) => [row, object(`the ${noun} ${row}`, { [tag]: name, ...entries })]),
  )
  return v.lazy((input) => schemaByName.get(fieldOf(input, tag)) ?? tagAlone)
}

/** A field of data of any type. */
export function fieldOf(data: unknown, name: string): unknown {
  return typeof data === "object" && data !== null
    ? new Map<string, unknown>(Object.entries(data)).get(name)
    : undefined
}
