import pc from "picocolors"

type Colors = ReturnType<typeof pc.createColors>

/** Whether a stream shows colours: a terminal does, unless NO_COLOR is set (https://no-color.org). */
export function isColorful({ isTTY = false }: { isTTY?: boolean }): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR) return false
  return FORCE_COLOR ? FORCE_COLOR !== "0" : isTTY && TERM !== "dumb"
}

/** Colours of results, and of what is said beside them. */
export const colors: Colors = pc.createColors(isColorful(process.stdout))
export const errorColors: Colors = pc.createColors(isColorful(process.stderr))

/** How the user reaches this command again: through npx where npm ran it. */
export const self: string = process.env.npm_command === undefined ? "vitrine" : "npx vitrine"

/** A result. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** What is no result: progress, hints. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

let leave = (): void => process.exit(0)

/** What to do when nobody reads the output any more, as in `vitrine … | head`; else the process ends. */
export function whenReaderLeaves(action: () => void): void {
  leave = action
}

export function onBrokenPipe(): void {
  leave()
}

/** The one line of a terminal that is written again and again. */
export interface StatusLine {
  update(text: string): void
  clear(): void
}

export function statusLine(): StatusLine {
  const { stderr } = process
  const live = stderr.isTTY && process.env.TERM !== "dumb"
  let shown = false
  return {
    update(text) {
      if (!live) return
      stderr.write(`\r\x1b[2K${fit(text, (stderr.columns ?? 80) - 1)}`)
      shown = true
    },
    clear() {
      if (shown) stderr.write("\r\x1b[2K")
      shown = false
    },
  }
}

/** Cut to a width; colours take none. */
function fit(text: string, width: number): string {
  let room = width
  let end = 0
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  for (const [part] of text.matchAll(/\x1b\[[0-9;]*m|[^]/gu)) {
    if (part.length <= 2 && room-- === 0) return `${text.slice(0, end)}\x1b[0m`
    end += part.length
  }
  return text
}
