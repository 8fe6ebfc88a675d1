import { CommanderError } from "commander"
import { errorColors } from "./output.ts"

/** A command line that cannot be meant. */
export class UsageError extends Error {}

/** @throws UsageError for the first of these flags that is there. */
export function refuse<F extends object>(flags: F, names: readonly (keyof F & string)[], why: string): void {
  const found = names.find((name) => flags[name] !== undefined)
  if (found === undefined) return
  throw new UsageError(`--${found.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} ${why}`)
}

/** Tells what went wrong in one line, and gives the exit code for it: 1 for a failure, 2 for wrong usage of `command`. */
export function exitCodeOf(error: unknown, command?: string): number {
  // What Commander had to say, it has said: help is no failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const { red } = errorColors
  const message = oneLine(error instanceof Error ? error.message : String(error))
  if (error instanceof UsageError) complain(withHelp(message, command))
  else if (isVitrineError(error)) complain(message)
  else complain(`unexpected ${red("error")}: ${message}${debug ? "" : " (set VITRINE_DEBUG=1 to see where)"}`)
  if (debug && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return error instanceof UsageError ? 2 : 1
}

/** A complaint about a command line, and where to read how it is meant. */
export function withHelp(message: string, command?: string): string {
  return `${message.replace(/\.$/, "")}; see ${["vitrine", command, "--help"].filter(Boolean).join(" ")}`
}

const debug = Boolean(process.env.VITRINE_DEBUG)

/** As `VitrineError.isInstance`, without loading the library to say that a flag is wrong. */
function isVitrineError(error: unknown): boolean {
  return typeof error === "object" && error !== null && Symbol.for("vitrine.error") in error
}

/** Writes an error as the command's own line. */
export function complain(message: string): void {
  process.stderr.write(`${errorColors.red("vitrine:")} ${message}\n`)
}

const oneLine = (text: string): string => text.trim().replaceAll(/\s*[\r\n]+\s*/g, " ")
