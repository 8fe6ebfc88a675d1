import { configError, shown } from "./errors.ts"

export type Json = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export interface FieldReader {
  object(field: string, value: unknown): Json
  string(field: string, value: unknown): string
  boolean(field: string, value: unknown): boolean
  number(field: string, value: unknown): number
  /** A count for both sides, or [height, width]. */
  pair(field: string, value: unknown): readonly [number, number]
  counts(field: string, value: unknown, length: number): readonly number[]
  /** A list of one number stands for all channels. */
  perChannel(field: string, value: unknown, channels: number): readonly number[]
  oneOf<T extends string>(field: string, value: unknown, allowed: readonly T[]): T
  /** The value of the table's row that the field names. */
  row<T>(field: string, value: unknown, table: ReadonlyMap<string, T>): T
}

/** Readers of fields that say which field is wrong, what it holds and what was expected. */
export function fieldReader(file: string): FieldReader {
  const fail = (field: string, expected: string, value: unknown): never => {
    throw configError(file, `${field} must be ${expected}, got ${shown(value)}`)
  }
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
  return {
    object: (field: string, value: unknown): Json => (isObject(value) ? value : fail(field, "an object", value)),
    string: (field: string, value: unknown): string => (typeof value === "string" ? value : fail(field, "text", value)),
    boolean: (field: string, value: unknown): boolean =>
      typeof value === "boolean" ? value : fail(field, "true or false", value),
    number: (field: string, value: unknown): number =>
      typeof value === "number" && Number.isFinite(value) ? value : fail(field, "a number", value),
    pair: (field: string, value: unknown): readonly [number, number] => {
      if (isCount(value)) return [value, value]
      if (Array.isArray(value) && value.length === 2 && value.every(isCount))
        return value as unknown as [number, number]
      return fail(field, "a count of pixels or [height, width]", value)
    },
    counts: (field: string, value: unknown, length: number): readonly number[] =>
      Array.isArray(value) && value.length === length && value.every(isCount)
        ? value
        : fail(field, `${length} counts`, value),
    perChannel: (field: string, value: unknown, channels: number): readonly number[] => {
      const list = Array.isArray(value) && value.length === 1 ? Array.from({ length: channels }, () => value[0]) : value
      return Array.isArray(list) && list.length === channels && list.every(Number.isFinite)
        ? (list as number[])
        : fail(field, `${channels} numbers, one a channel`, value)
    },
    oneOf: <T extends string>(field: string, value: unknown, allowed: readonly T[]): T =>
      allowed.includes(value as T) ? (value as T) : fail(field, `one of ${allowed.join(", ")}`, value),
    row: <T>(field: string, value: unknown, table: ReadonlyMap<string, T>): T => {
      const row = typeof value === "string" ? table.get(value) : undefined
      return row ?? fail(field, `one of ${[...table.keys()].join(", ")}`, value)
    },
  }
}
