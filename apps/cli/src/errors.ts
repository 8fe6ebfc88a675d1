import { VitrineError } from "@vitrine/core/errors"
import { CommanderError } from "commander"
import { errorColors, note } from "./output.ts"
import { printable } from "./show/text.ts"

/** A command line that has no meaning. */
export class UsageError extends Error {}

/** Writes an error as one line, and returns its exit code: 1 for a failure, 2 for wrong usage of `command`. */
export function exitCodeOf(error: unknown, command?: string): number {
  // Commander has already written its message. Showing help is not a failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const debug = Boolean(process.env.VITRINE_DEBUG)
  const message = oneLine(messageOf(error))
  if (error instanceof UsageError) complain(withHelp(message, command))
  else if (VitrineError.isInstance(error)) complain(message)
  else if (isSystemError(error)) complain(systemMessage(error))
  else if (openFiles() < 128) complain(`${tooManyFiles()} (${message})`)
  else complain(`unexpected error: ${message}${debug ? "" : " (set VITRINE_DEBUG=1 to see where)"}`)
  if (debug && error instanceof Error) note(String(error.stack))
  return error instanceof UsageError ? 2 : 1
}

type SystemError = NodeJS.ErrnoException & { readonly syscall: string }

/** Whether an error comes from the system, such as for a full disk, and is no defect of the command. */
function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && "code" in error && "syscall" in error && typeof error.syscall === "string"
}

/** Describes a failed system call. */
function systemMessage({ code, message, path, syscall }: SystemError): string {
  if (code === "EMFILE") return tooManyFiles()
  return `${path ?? "the system"}: ${syscall} failed: ${reasonOf(message)}`
}

/** The system's message without the code and the name of the call. */
const reasonOf = (message: string): string => message.replace(/^[A-Z0-9]+: /, "").replace(/, \w+( '.*')?$/s, "")

const tooManyFiles = (): string =>
  `this shell lets a process open ${openFiles()} files, which is too few; raise it: ulimit -n 1024`

/** The number of files that this process may open. If it is small, modules are not found and libraries do not load. */
function openFiles(): number {
  const report: { userLimits?: { open_files?: { soft: number | "unlimited" } } } = Object(process.report?.getReport())
  return Number(report.userLimits?.open_files?.soft ?? Number.POSITIVE_INFINITY)
}

/** The error for a standard output that cannot be written, such as to a full disk. */
export function outputFault(error: Error): VitrineError {
  return new VitrineError("file", `standard output: cannot write: ${reasonOf(error.message)}`, { cause: error })
}

/** A message about a command line, and the help to read. */
export function withHelp(message: string, command?: string): string {
  return `${message.replace(/\.$/, "")}; see ${["vitrine", command, "--help"].filter(Boolean).join(" ")}`
}

/** The message of any thrown value. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Writes an error as a line that begins with the command's name. */
export function complain(message: string): void {
  note(`${errorColors.red("vitrine:")} ${printable(message)}`)
}

const oneLine = (text: string): string => text.trim().replaceAll(/\s*[\r\n]+\s*/g, " ")
