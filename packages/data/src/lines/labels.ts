import { VitrineError } from "@vitrine/core"

/** An image of a line, and what stands in it. */
export interface LineLabel {
  readonly file: string
  readonly text: string
}

/** The most characters of a text, and the most texts of a file. */
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
    const [file, own] = json ? fromJson(line, `${name}:${i + 1}`) : fromTabs(line, `${name}:${i + 1}`)
    labels.push({ file: file.replaceAll("\\", "/").replace(/^\.\//, ""), text: own.normalize("NFC").trim() })
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
    throw new VitrineError("file", `${place}: is not JSON (${(error as Error).message.split("\n")[0]})`)
  }
  const { file, text } = (value ?? {}) as { file?: unknown; text?: unknown }
  if (typeof file !== "string" || typeof text !== "string")
    throw new VitrineError("file", `${place}: expected {"file": "…", "text": "…"}`)
  return [file, text]
}
