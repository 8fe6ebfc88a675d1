import { VitrineError } from "@vitrine/core"

/** A system call that failed on a path, told without Node's code and call. */
export function unreadable(path: string, error: unknown): VitrineError {
  const reason = (error as Error).message.replace(/^[A-Z0-9]+: /, "").replace(/, [a-z]+( '.*')?$/s, "")
  return new VitrineError("file", `${path}: cannot be read (${reason})`, { cause: error })
}
