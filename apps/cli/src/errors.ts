import { CommanderError } from "commander"
import { currentIo, errorColors } from "./output.ts"

/** A command line that makes no sense. */
export class UsageError extends Error {}

/** Writes an error in one line and gives its exit code: 1 for a failure, 2 for wrong usage of `command`. */
export function exitCodeOf(error: unknown, command?: string): number {
  // Commander has written its own message. Help is no failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const debug = Boolean(process.env.VITRINE_DEBUG)
  const { red } = errorColors
  const message = oneLine(messageOf(error))
  if (error instanceof UsageError) complain(withHelp(message, command))
  else if (isVitrineError(error)) complain(message)
  else complain(`unexpected ${red("error")}: ${message}${debug ? "" : " (set VITRINE_DEBUG=1 to see where)"}`)
  if (debug && error instanceof Error) currentIo().stderr.write(`${error.stack}\n`)
  return error instanceof UsageError ? 2 : 1
}

/** A message about a command line, and the help to read. */
export function withHelp(message: string, command?: string): string {
  return `${message.replace(/\.$/, "")}; see ${["vitrine", command, "--help"].filter(Boolean).join(" ")}`
}

/** As `VitrineError.isInstance`, without loading the library to say that a flag is wrong. */
function isVitrineError(error: unknown): boolean {
  return typeof error === "object" && error !== null && Symbol.for("vitrine.error") in error
}

/** What an error says, whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Writes an error as a line of the command's own. */
export function complain(message: string): void {
  currentIo().stderr.write(`${errorColors.red("vitrine:")} ${message}\n`)
}

const oneLine = (text: string): string => text.trim().replaceAll(/\s*[\r\n]+\s*/g, " ")
