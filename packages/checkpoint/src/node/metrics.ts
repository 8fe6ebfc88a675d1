import { type JsonCount, jsonFault, textLines } from "@vitrine/data/internal"
import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs"
import { fileError, shown } from "../errors.ts"
import { isObject } from "../json.ts"
import { explain, explaining, isSystemError, openForReading, readBytes, writeFileAtomic } from "./files.ts"

/** One line of `metrics.jsonl`: an event at a step, as plain JSON data. */
export interface MetricsEvent {
  readonly step: number
  readonly [key: string]: unknown
}

/** The greatest size of a `metrics.jsonl`. A million steps need about 200 MB. */
const maxBytes = 2 ** 28
const maxLines = 4_000_000

export interface MetricsLog {
  append(event: MetricsEvent): void
  /** Waits until all lines are on disk. */
  sync(): void
  close(): void
}

/** Opens a file of lines for appending. Each line is written whole or not at all. */
export function openMetrics(path: string): MetricsLog {
  const calling = <T>(action: () => T): T => {
    try {
      return action()
    } catch (error) {
      throw explain(path, "write", error)
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
          // On a full disk a part of the line may have been written. The next line must not follow it.
          ftruncateSync(fd, size)
          throw error
        }
      }),
    sync: () => calling(() => fdatasyncSync(fd)),
    close: () => closeSync(fd),
  }
}

const isStep = (step: unknown): step is number => typeof step === "number" && Number.isSafeInteger(step) && step >= 0

const isEvent = (event: unknown): event is MetricsEvent => isObject(event) && isStep(event.step)

/**
 * The events of a `metrics.jsonl`, oldest first. There are none if the file or folder does not exist. A last line that
 * a kill has cut is ignored.
 * @throws VitrineError (file)
 */
export async function readMetrics(path: string, most: number = maxLines): Promise<MetricsEvent[]> {
  const { lines } = await readLines(path, most)
  return lines.map(({ event }, index) => event ?? refuse(path, lines, index))
}

/**
 * Drops the events after `step`, and an incomplete last line. It is atomic. A file with nothing to drop is not written.
 * @throws VitrineError (file) for a broken line before the last event that stays
 */
export async function truncateMetrics(path: string, step: number): Promise<void> {
  const { lines, rest } = await readLines(path)
  const stays = ({ event }: Line): boolean => event !== undefined && event.step <= step
  const first = lines.filter(stays)
  // After a power failure the end of the file may contain anything. But the lines that were synced with a checkpoint
  // must exist.
  const fault = lines.findIndex(({ event }) => event === undefined)
  if (fault >= 0 && fault < lines.findLastIndex(stays)) refuse(path, lines, fault)
  if (rest !== "" || first.length < lines.length)
    await writeFileAtomic(path, first.map(({ text }) => `${text}\n`).join(""))
}

interface Line {
  readonly text: string
  readonly event: MetricsEvent | undefined
}

function refuse(path: string, lines: readonly Line[], index: number): never {
  throw fileError(path, `line ${index + 1} is not an event with a step: ${shown(lines[index]?.text)}`)
}

/** The lines, and the text after the last line break. */
async function readLines(path: string, most = maxLines): Promise<{ lines: readonly Line[]; rest: string }> {
  const lines: Line[] = []
  const count = { lists: 0, commas: 0 }
  let rest: string | undefined
  for (const text of textLines(await readText(path))) {
    if (rest !== undefined) lines.push({ text: rest, event: eventOf(rest, count) })
    if (lines.length > most) throw fileError(path, `has more than ${most} lines`)
    rest = text
  }
  return { lines, rest: rest ?? "" }
}

function eventOf(line: string, count: JsonCount): MetricsEvent | undefined {
  try {
    if (jsonFault(line, count) !== undefined) return undefined
    const event: unknown = JSON.parse(line)
    return isEvent(event) ? event : undefined
  } catch {
    return undefined
  }
}

async function readText(path: string): Promise<string> {
  const file = await openForReading(path).catch((error: unknown) => {
    if (error instanceof Error && isSystemError(error.cause, "ENOENT", "ENOTDIR")) return undefined
    throw error
  })
  if (file === undefined) return ""
  const { handle, size } = file
  try {
    if (size > maxBytes) throw fileError(path, `has ${size} bytes, over the limit of ${maxBytes}`)
    return Buffer.from(await explaining(path, "read", () => readBytes(handle, path, 0, size))).toString("utf8")
  } finally {
    await handle.close()
  }
}
