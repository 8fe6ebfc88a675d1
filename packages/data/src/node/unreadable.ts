import { VitrineError } from "@vitrine/core"
import { messageOf } from "../message.ts"

/** The error of a failed system call on a path, without Node's code and call. */
export function unreadable(path: string, error: unknown): VitrineError {
  const reason = messageOf(error)
    .replace(/^[A-Z0-9]+: /, "")
    .replace(/, [a-z]+( '.*')?$/s, "")
  return new VitrineError("file", `${path}: cannot be read (${reason})`, { cause: error })
}
