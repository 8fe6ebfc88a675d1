import { VitrineError } from "@vitrine/core"
import { jsonFault, textLines } from "../text.ts"

/** The file of a line's image, and the line's text. */
export interface LineLabel {
  readonly file: string
  readonly text: string
}

/** The greatest number of characters in a text, and of lines in a file. Empty lines count. */
export const labelLimits: { readonly characters: number; readonly lines: number } = {
  characters: 256,
  lines: 10_000_000,
}

/** Why a text cannot be a line's, or undefined. */
export function lineFault(text: string): string | undefined {
  if (text === "") return "has no text"
  const { length } = Array.from(text)
  return length > labelLimits.characters
    ? `its text has ${length} characters; up to ${labelLimits.characters} are read`
    : undefined
}

/**
 * Reads `labels.tsv` or `labels.jsonl`. Each line of `labels.tsv` has a file, a tab and the file's text. A first line
 * `file⇥text` is a header. Each line of `labels.jsonl` is an object with `file` and `text`. Texts are composed (NFC)
 * and trimmed.
 * @throws VitrineError (file) with the line and what was expected
 */
export function parseLabels(text: string, name: string, mostLines: number = labelLimits.lines): LineLabel[] {
  const json = name.endsWith(".jsonl")
  const labels: LineLabel[] = []
  let number = 0
  for (const line of textLines(text.replace(/^\uFEFF/, ""))) {
    if (++number > mostLines && (line !== "" || number > mostLines + 1))
      throw new VitrineError("file", `${name}: has more than ${mostLines} lines`)
    if (line.trim() === "" || (!json && number === 1 && line === "file\ttext")) continue
    const place = `${name}:${number}`
    const [file, content] = json ? fromJson(line, place) : fromTabs(line, place)
    labels.push({ file: file.replaceAll("\\", "/").replace(/^\.\//, ""), text: content.normalize("NFC").trim() })
  }
  return labels
}

function fromTabs(line: string, place: string): [file: string, text: string] {
  const at = line.indexOf("\t")
  if (at <= 0) throw new VitrineError("file", `${place}: expected a file, a tab and its text`)
  return [line.slice(0, at), line.slice(at + 1)]
}

function fromJson(line: string, place: string): [file: string, text: string] {
  const fault = jsonFault(line)
  if (fault !== undefined) throw new VitrineError("file", `${place}: ${fault}`)
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    const [reason = ""] = error instanceof Error ? error.message.split("\n") : []
    throw new VitrineError("file", `${place}: is not JSON (${reason})`)
  }
  if (typeof value === "object" && value !== null && "file" in value && "text" in value) {
    const { file, text } = value
    if (typeof file === "string" && typeof text === "string") return [file, text]
  }
  throw new VitrineError("file", `${place}: expected {"file": "…", "text": "…"}`)
}
