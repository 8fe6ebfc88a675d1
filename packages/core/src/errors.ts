/**
 * The errors that Vitrine throws on purpose: their message alone tells what was wrong, where, and what to do, so a
 * command line prints it without a stack. They are recognised across duplicate copies of a package by a shared symbol.
 */
const marker = Symbol.for("vitrine.error")

export type ErrorKind =
  /** Shapes or dtypes that do not fit an operation. */
  | "shape"
  /** A configuration that describes no possible model, recipe or command. */
  | "config"
  /** A file that is missing, broken or not what it claims to be. */
  | "file"
  /** A backend that cannot be loaded, or cannot run what it was given. */
  | "backend"
  /** A device that was lost while in use: make the backend anew and go on from the last checkpoint. */
  | "device"
  /** Training that cannot go on, such as a loss that is not finite. */
  | "training"

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
