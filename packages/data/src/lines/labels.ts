import { VitrineError } from "@vitrine/core"

/** The file of a line's image, and the line's text. */
export interface LineLabel {
  readonly file: string
  readonly text: string
}

/** The greatest number of characters in a text, and of texts in a file. */
export const labelLimits: { readonly characters: number; readonly lines: number } = {
  characters: 256,
  lines: 10_000_000,
}

/**
 * Reads `labels.tsv`, a file and its text with a tab between them on each line (a first line `file⇥text` is a header), or
 * `labels.jsonl`, on each line an object with `file` and `text`. Texts are composed (NFC), and without spaces around them.
 * @throws VitrineError (file) that names the line and what was expected.
 */
export function parseLabels(text: string, name: string): LineLabel[] {
  const json = name.endsWith(".jsonl")
  const labels: LineLabel[] = []
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/)
  for (const [i, line] of lines.entries()) {
    if (line.trim() === "" || (!json && i === 0 && line === "file\ttext")) continue
    if (labels.length === labelLimits.lines)
      throw new VitrineError("file", `${name}: has more than ${labelLimits.lines} lines`)
    const place = `${name}:${i + 1}`
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
