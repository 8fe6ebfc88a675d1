/** The mark of Vitrine's errors. Copies of this package share it, so that each knows the errors of the others. */
const marker = Symbol.for("vitrine.error")

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
 * An error that Vitrine throws on purpose. Its message is one line that says what was wrong, where, and what to do, so that a
 * command can print it without a stack.
 */
export class VitrineError extends Error {
  override readonly name = "VitrineError"
  readonly kind: ErrorKind

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
    Object.defineProperty(this, marker, { value: true })
  }

  static isInstance(error: unknown): error is VitrineError {
    return typeof error === "object" && error !== null && marker in error
  }
}
