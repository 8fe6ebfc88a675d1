import { AsyncLocalStorage } from "node:async_hooks"
import { escapeControls } from "@vitrine/core/errors"
import pc from "picocolors"

/** A stream of text. */
export interface Output {
  write(text: string): unknown
  /** Whether it is a terminal. */
  readonly isTTY?: boolean
  /** The width of the terminal. */
  readonly columns?: number
}

/** The streams of a command, and the way to end it early. */
export interface Io {
  readonly stdout: Output
  readonly stderr: Output
  /** Ends the process at once, after an interrupt. */
  exit(code: number): void
  /** Sets the action for the case that nobody reads the standard output any more, as in `vitrine … | head`. */
  whenReaderLeaves(action: () => void): void
}

let leave = (code: number): void => process.exit(code)

/**
 * Ends this process by SIGINT, which shells call 130 too. An exit takes the engine down while its threads compute, and can
 * crash. Windows has no signals.
 */
function interrupt(code: number): void {
  if (process.platform !== "win32") {
    process.removeAllListeners("SIGINT")
    process.kill(process.pid, "SIGINT")
  }
  process.exit(code)
}

/** The streams of this process. It ends when nobody reads its output, unless a command sets another action. */
const processIo: Io = {
  stdout: process.stdout,
  stderr: process.stderr,
  exit: interrupt,
  whenReaderLeaves: (action) => void (leave = action),
}

/** Called when the standard output has no reader any more, or cannot be written. */
export function onReaderLeft(code: number): void {
  leave(code)
}

const storage = new AsyncLocalStorage<Io>()

/** The streams of the running command. */
export const currentIo = (): Io => storage.getStore() ?? processIo

/** Runs a command with these streams in place of the process's. */
export function withIo<T>(io: Io | undefined, run: () => Promise<T>): Promise<T> {
  return io === undefined ? run() : storage.run(io, run)
}

/** Whether a stream shows colours. A terminal does, unless NO_COLOR is set (https://no-color.org). */
export function isColorful({ isTTY = false }: Output): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR) return false
  return FORCE_COLOR ? FORCE_COLOR !== "0" : isTTY && TERM !== "dumb"
}

type ColorName = "bold" | "dim" | "red" | "green" | "yellow" | "cyan"
interface Colors extends Readonly<Record<ColorName, (text: string) => string>> {
  readonly isColorSupported: boolean
}

const colorful = pc.createColors(true)

function colorsOf(stream: "stdout" | "stderr"): Colors {
  const paint =
    (name: ColorName) =>
    (text: string): string =>
      isColorful(currentIo()[stream]) ? colorful[name](text) : text
  return {
    get isColorSupported() {
      return isColorful(currentIo()[stream])
    },
    bold: paint("bold"),
    dim: paint("dim"),
    red: paint("red"),
    green: paint("green"),
    yellow: paint("yellow"),
    cyan: paint("cyan"),
  }
}

/** Colours of the standard output. */
export const colors: Colors = colorsOf("stdout")
/** Colours of the standard error. */
export const errorColors: Colors = colorsOf("stderr")

/**
 * The name by which the user calls this command: with npx if npm runs it, and by the package's name if npx has fetched
 * it for this call alone.
 */
export const self: string =
  process.env.npm_command === undefined
    ? "vitrine"
    : /[\\/]_npx[\\/]/.test(import.meta.url)
      ? "npx @vitrine/cli"
      : "npx vitrine"

/** Line breaks, and the colours that this command writes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are written with them
const layout = /(\n|\x1b\[(?:\d{1,2}|38;2;[\d;]+)m)/

/**
 * Removes control characters from a text, except the command's own. Text from files and names is escaped earlier, by
 * `printable`, since it may contain colours. JSON keeps its value, since the escapes are JSON's.
 */
function safe(text: string): string {
  const parts = text.split(layout)
  return parts.map((part, i) => (i % 2 === 0 ? escapeControls(part) : part)).join("")
}

/** Writes a line of the result. */
export function print(text: string): void {
  currentIo().stdout.write(`${safe(text)}\n`)
}

/** Writes a line that is not part of the result, such as progress or a hint. */
export function note(text: string): void {
  currentIo().stderr.write(`${safe(text)}\n`)
}

/** A line of a terminal that is overwritten. */
export interface StatusLine {
  update(text: string): void
  clear(): void
}

/** A status line on standard error. It shows nothing if standard error is no terminal. */
export function statusLine(): StatusLine {
  const { stderr } = currentIo()
  const live = stderr.isTTY === true && process.env.TERM !== "dumb"
  let written = false
  return {
    update(text) {
      if (!live) return
      stderr.write(`\r\x1b[2K${fit(safe(text), (stderr.columns ?? 80) - 1)}`)
      written = true
    },
    clear() {
      if (written) stderr.write("\r\x1b[2K")
      written = false
    },
  }
}

/** Cuts a text to a width. Colours have no width. */
function fit(text: string, width: number): string {
  let room = width
  let end = 0
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are written with them
  for (const [part] of text.matchAll(/\x1b\[[0-9;]*m|[^]/gu)) {
    if (part.length <= 2 && room-- === 0) return `${text.slice(0, end)}\x1b[0m`
    end += part.length
  }
  return text
}
