import { VitrineError } from "@vitrine/core/errors"
import { CommanderError } from "commander"
import { errorColors, note } from "./output.ts"
import { printable } from "./show/text.ts"

/** A command line that makes no sense. */
export class UsageError extends Error {}

/** Writes an error in one line and gives its exit code: 1 for a failure, 2 for wrong usage of `command`. */
export function exitCodeOf(error: unknown, command?: string): number {
  // Commander has written its own message. Help is no failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const debug = Boolean(process.env.VITRINE_DEBUG)
  const message = oneLine(messageOf(error))
  if (error instanceof UsageError) complain(withHelp(message, command))
  else if (VitrineError.isInstance(error)) complain(message)
  else complain(`unexpected error: ${message}${debug ? "" : " (set VITRINE_DEBUG=1 to see where)"}`)
  if (debug && error instanceof Error) note(String(error.stack))
  return error instanceof UsageError ? 2 : 1
}

/** A message about a command line, and the help to read. */
export function withHelp(message: string, command?: string): string {
  return `${message.replace(/\.$/, "")}; see ${["vitrine", command, "--help"].filter(Boolean).join(" ")}`
}

/** What an error says, whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Writes an error as a line of the command's own. */
export function complain(message: string): void {
  note(`${errorColors.red("vitrine:")} ${printable(message)}`)
}

const oneLine = (text: string): string => text.trim().replaceAll(/\s*[\r\n]+\s*/g, " ")
