import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs"
import { fileError, shown } from "../errors.ts"
import { explained, explaining, isSystemError, openForReading, readBytes, writeFileAtomic } from "./files.ts"

/** One line of `metrics.jsonl`: what happened at a step, as plain JSON data. */
export interface MetricsEvent {
  readonly step: number
  readonly [key: string]: unknown
}

/** Largest `metrics.jsonl` that is read: a million steps take about 200 MB. */
const maxBytes = 2 ** 28

export interface MetricsLog {
  append(event: MetricsEvent): void
  /** Waits until all lines lie on the disk. */
  sync(): void
  close(): void
}

/** Opens a file of lines for appending; each line is written whole or not at all. */
export function openMetrics(path: string): MetricsLog {
  const calling = <T>(action: () => T): T => {
    try {
      return action()
    } catch (error) {
      throw explained(path, "write", error)
    }
  }
  const fd = calling(() => openSync(path, "a"))
  return {
    append: (event) =>
      calling(() => {
        if (!isStep(event.step)) throw fileError(path, `an event needs a step of 0 or more, got ${shown(event.step)}`)
        const line = Buffer.from(`${JSON.stringify(event)}\n`)
        const { size } = fstatSync(fd)
        try {
          for (let done = 0; done < line.length; ) done += writeSync(fd, line, done)
        } catch (error) {
          // On a full disk a part of the line may have been written; the next line must not follow it.
          ftruncateSync(fd, size)
          throw error
        }
      }),
    sync: () => calling(() => fdatasyncSync(fd)),
    close: () => closeSync(fd),
  }
}

const isStep = (step: unknown): step is number => Number.isSafeInteger(step) && (step as number) >= 0

/**
 * The events of a `metrics.jsonl`, oldest first; none if there is no such file or folder. A last line without its end, which a
 * kill leaves, is not counted.
 * @throws VitrineError (file)
 */
export async function readMetrics(path: string): Promise<MetricsEvent[]> {
  const { lines } = await readLines(path)
  return lines.map(({ event }, index) => event ?? refuse(path, lines, index))
}

/**
 * Drops the events after `step`, and at the end what is no whole line. Atomic; the file is left alone if there is
 * nothing to drop.
 * @throws VitrineError (file) for a broken line among those that are kept.
 */
export async function truncateMetrics(path: string, step: number): Promise<void> {
  const { lines, torn } = await readLines(path)
  const isKept = ({ event }: Line): boolean => event !== undefined && event.step <= step
  const kept = lines.filter(isKept)
  // After a power failure the end may hold anything, but what was synced with a checkpoint must be there.
  const broken = lines.findIndex(({ event }) => event === undefined)
  if (broken >= 0 && broken < lines.findLastIndex(isKept)) refuse(path, lines, broken)
  if (torn || kept.length < lines.length) await writeFileAtomic(path, kept.map(({ text }) => `${text}\n`).join(""))
}

interface Line {
  readonly text: string
  readonly event: MetricsEvent | undefined
}

function refuse(path: string, lines: readonly Line[], index: number): never {
  throw fileError(path, `line ${index + 1} is not an event with a step: ${shown(lines[index]?.text)}`)
}

/** The lines, and whether the file ends in the middle of one. */
async function readLines(path: string): Promise<{ lines: readonly Line[]; torn: boolean }> {
  const texts = (await readText(path)).split("\n")
  const torn = texts.pop() !== ""
  return { lines: texts.map((text) => ({ text, event: parsed(text) })), torn }
}

function parsed(line: string): MetricsEvent | undefined {
  try {
    const event = JSON.parse(line) as MetricsEvent | null
    return isStep(event?.step) ? event : undefined
  } catch {
    return undefined
  }
}

async function readText(path: string): Promise<string> {
  const opened = await openForReading(path).catch((error) => {
    if (isSystemError((error as Error).cause, "ENOENT", "ENOTDIR")) return undefined
    throw error
  })
  if (opened === undefined) return ""
  const { handle, size } = opened
  try {
    if (size > maxBytes) throw fileError(path, `has ${size} bytes, over the limit of ${maxBytes}`)
    return Buffer.from(await explaining(path, "read", () => readBytes(handle, path, 0, size))).toString("utf8")
  } finally {
    await handle.close()
  }
}
