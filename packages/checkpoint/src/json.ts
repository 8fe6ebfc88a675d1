import { fileError, shown } from "./errors.ts"
import { foreignFile } from "./foreign.ts"

/** An object of a JSON file before any check. */
export type Json = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The bounds of JSON from a file. */
export interface JsonLimits {
  /** The greatest number of bytes that are read. */
  readonly bytes: number
  /** The greatest depth of nesting: `{"a":[1]}` has depth 2. */
  readonly depth: number
  /** The greatest number of values. Objects and arrays count too. They need far more memory than their text. */
  readonly values: number
}

/** The limits for small JSON files of a model or run folder. */
export const jsonFile: JsonLimits = { bytes: 16 * 2 ** 20, depth: 64, values: 1_000_000 }

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a

/**
 * Parses JSON that may be hostile. It checks the size, the depth and the number of values before it builds any. A key
 * that occurs twice in an object is an error, although `JSON.parse` accepts it.
 * @param file the file's name in errors
 * @param what the part of the file in errors, such as "header"
 * @param limits by default those of a small file: 16 MiB, 64 deep, a million values
 * @throws VitrineError (file)
 */
export function parseJson(bytes: Uint8Array, file: string, what = "text", limits: JsonLimits = jsonFile): unknown {
  if (bytes.length > limits.bytes)
    throw fileError(file, `its ${what} of ${bytes.length} bytes is over the limit of ${limits.bytes}`)
  const foreign = foreignFile(bytes)
  if (foreign !== undefined) throw fileError(file, foreign)
  checkSize(bytes, file, what, limits)
  let text: string
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch (cause) {
    throw fileError(file, `its ${what} is not UTF-8`, cause)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw fileError(file, `its ${what} is not JSON: ${(cause as Error).message}`, cause)
  }
  const twice = duplicateKey(text)
  if (twice !== undefined) throw fileError(file, `its ${what} has ${shown(twice)} twice`)
  return value
}

/**
 * Converts plain data to JSON from which `parseJson` reads the same data. A number that is not finite is an error,
 * since JSON would make it null.
 * @throws VitrineError (file)
 */
export function toJson(value: unknown, file: string, what: string, indent = 0): Uint8Array {
  const text = JSON.stringify(
    value,
    (key, each: unknown) => {
      if (typeof each === "number" && !Number.isFinite(each))
        throw fileError(file, `its ${what} cannot hold ${each}, the value of ${shown(key)}`)
      return each
    },
    indent,
  )
  const bytes = new TextEncoder().encode(`${text}\n`)
  parseJson(bytes, file, what)
  return bytes
}

/** Checks the depth and the number of values. It counts the punctuation outside strings. */
function checkSize(bytes: Uint8Array, file: string, what: string, limits: JsonLimits): void {
  let depth = 0
  let values = 1
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i]
    if (inString) {
      if (c === backslash) i++
      else if (c === quote) inString = false
    } else if (c === quote) inString = true
    else if (c === comma) values++
    else if (c === 0x7b || c === 0x5b) {
      values++
      if (++depth > limits.depth) throw fileError(file, `its ${what} is nested more than ${limits.depth} deep`)
    } else if (c === 0x7d || c === 0x5d) depth--
    if (values > limits.values) throw fileError(file, `its ${what} holds more than ${limits.values} values`)
  }
}

/** The first key that occurs twice in an object of `text`, which must be valid JSON. */
function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | null)[] = []
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 0x7b) open.push(new Set())
    else if (c === 0x5b) open.push(null)
    else if (c === 0x7d || c === 0x5d) open.pop()
    else if (c === quote) {
      const start = i++
      let plain = true
      for (; text.charCodeAt(i) !== quote; i++)
        if (text.charCodeAt(i) === backslash) {
          plain = false
          i++
        }
      let next = i + 1
      while (text.charCodeAt(next) <= 0x20) next++
      const keys = open.at(-1)
      if (!keys || text.charCodeAt(next) !== colon) continue
      const key = plain ? text.slice(start + 1, i) : String(JSON.parse(text.slice(start, i + 1)))
      if (keys.has(key)) return key
      keys.add(key)
    }
  }
  return undefined
}
