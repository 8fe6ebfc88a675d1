import { evaluateReader, loadReader, type Reading } from "vitrine"
import { create } from "../backends.ts"
import { UsageError } from "../errors.ts"
import { decodeBatches, imageFiles } from "../images.ts"
import { refuseOverrides } from "../model.ts"
import { engineOptions } from "../options.ts"
import { colors, errorColors, note, print } from "../output.ts"
import { count, percent, printable, table } from "../show/text.ts"
import type { EvalFlags } from "./eval.ts"
import type { PredictFlags } from "./predict.ts"

/** Reads the text in images; gives the exit code: 1 if any of them could not be read. */
export async function readImages(images: readonly string[], path: string, flags: PredictFlags): Promise<number> {
  const { beams, lengthPenalty, json, model } = flags
  refuseOverrides(flags, "reader")
  if (flags.logits) throw new UsageError("--logits is for image classifiers, and the model is a reader")
  const files = await imageFiles(images)
  const backend = await create(flags.backend, { worker: false, ...engineOptions(flags) })
  try {
    const reader = await loadReader(path, { backend })
    try {
      const results: object[] = []
      for await (const batch of decodeBatches(files)) {
        const found = await reader.read(batch.images, { beams, lengthPenalty })
        for (const [i, file] of batch.files.entries()) {
          const readings = found[i] ?? []
          const [best] = readings
          results.push({ file, ...best, ...(beams === undefined ? {} : { readings }) })
          if (!json && best !== undefined) print(readingLines(file, readings, beams !== undefined))
        }
      }
      if (json && results.length > 0) print(JSON.stringify({ model, backend: backend.name, results }))
      return results.length === files.length ? 0 : 1
    } finally {
      await reader.close()
    }
  } finally {
    await backend.close()
  }
}

function readingLines(file: string, readings: readonly Reading[], all: boolean): string {
  const { bold, dim } = colors
  const line = ({ text, probability, ended }: Reading): string =>
    `${percent(probability).padStart(8)}  ${printable(text)}${ended ? "" : "…"}`
  const [best, ...others] = readings as [Reading, ...Reading[]]
  return [printable(file), bold(line(best)), ...(all ? others.map((each) => dim(line(each))) : [])].join("\n")
}

/** Measures a model that reads on lines of text, of one data set or of several. */
export async function evaluateReading(path: string, flags: EvalFlags): Promise<void> {
  const { data = [undefined], split = "val", batchSize, beams, lengthPenalty, json, model } = flags
  if (flags.classes !== undefined || flags.realLabels !== undefined || flags.byPosition)
    throw new UsageError("--classes, --by-position and --real-labels are not for a model that reads")
  if (split === "test" || flags.annotations !== undefined)
    throw new UsageError("--split test and --annotations are for detectors")
  refuseOverrides(flags, "reader")
  const backend = await create(flags.backend, { worker: false, ...engineOptions(flags) })
  try {
    for (const each of data) {
      const found = await evaluateReader(path, { data: each, split, batchSize, beams, lengthPenalty, backend })
      if (json) {
        print(JSON.stringify({ model, backend: backend.name, ...found }))
        continue
      }
      const { exact, characters, examples, mistakes, skipped } = found
      const lines = `${count(examples)} ${split === "val" ? "validation" : "training"} lines of ${printable(found.data)}`
      print(
        `${colors.bold(percent(exact, 2))} of lines exact, ${colors.bold(percent(characters, 2))} of characters, on ${lines}`,
      )
      for (const reason of skipped.slice(0, 5)) note(errorColors.dim(`passed over ${printable(reason)}`))
      if (skipped.length > 5) note(errorColors.dim(`passed over ${count(skipped.length - 5)} more`))
      if (mistakes.length > 0) {
        const rows = mistakes.map(({ line, text, read }) => [printable(text), printable(read), printable(line)])
        const [head = "", ...rest] = table([["text", "read", "line"], ...rows], []).split("\n")
        print(["", colors.bold(head), ...rest].join("\n"))
      }
    }
  } finally {
    await backend.close()
  }
}
