/**
 * Marks errors as Vitrine's. `Symbol.for` gives all copies of this package the same symbol, so each copy recognises the
 * errors of the others.
 */
const marker = Symbol.for("vitrine.error")

/** What is wrong when a `VitrineError` is thrown. */
export type ErrorKind =
  /** Shapes or dtypes that do not fit an operation. */
  | "shape"
  /** A configuration that no model, recipe or command can have. */
  | "config"
  /** A file that is missing or broken, or has another format than its name says. */
  | "file"
  /** A backend that cannot be loaded, or cannot run a graph. */
  | "backend"
  /** A device that was lost while in use. A new backend can go on from the last checkpoint. */
  | "device"
  /** Training that cannot go on, such as a loss that is not finite. */
  | "training"

/**
 * Characters that a terminal obeys: C0, DEL and C1 controls, line and paragraph separators, and controls of text
 * direction.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression names them
const controls = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/**
 * Replaces the control characters of a text by escapes such as `\u001b`, so that text of a file, a name or a server is
 * safe to print.
 */
export function escapeControls(text: string): string {
  return text.replace(controls, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)
}

/** The greatest length of a message. Longer ones repeat a name or a value of a file. */
const longestMessage = 2000

/** Leaves out the middle of a long message. Its end says what to do. */
const shortened = (message: string): string =>
  message.length <= longestMessage
    ? message
    : `${message.slice(0, longestMessage / 2)} … ${message.slice(3 - longestMessage / 2)}`

/**
 * An error that Vitrine throws on purpose. Its message is one line that says what was wrong, where, and what to do, so that a
 * command can print it without a stack. Control characters in it are escaped, and it has 2,000 characters at most.
 */
export class VitrineError extends Error {
  override readonly name = "VitrineError"
  readonly kind: ErrorKind

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(shortened(escapeControls(message)), options)
    this.kind = kind
    Object.defineProperty(this, marker, { value: true })
  }

  static isInstance(error: unknown): error is VitrineError {
    return typeof error === "object" && error !== null && marker in error
  }
}
