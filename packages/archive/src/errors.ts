import { VitrineError } from "@vitrine/core"

/** Control characters and line separators. A hostile name must not break an error into lines or control a terminal. */
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** A text in one line. */
export function escaped(text: string): string {
  return text.replace(unprintable, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
}

/** A VitrineError with one line: `file: fault`. */
export function fileError(file: string, fault: string, cause?: unknown): VitrineError {
  return new VitrineError("file", escaped(`${file}: ${fault}`), cause === undefined ? {} : { cause })
}

/** A value from a file in a message: text is quoted and cut to 100 characters. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 100 ? `${value.slice(0, 99)}…` : value)
  // JSON has no notation for 1e999.
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value))
  return text.length > 100 ? `${text.slice(0, 99)}…` : text
}
