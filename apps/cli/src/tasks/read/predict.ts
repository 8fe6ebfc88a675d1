import { loadReader, type Reading } from "vitrine"
import { create } from "../../backends.ts"
import type { Values } from "../../flags/flag.ts"
import { engineOptions } from "../../flags/machine.ts"
import type { PredictValues } from "../../flags/predict.ts"
import { decodeBatches, openImages, withAnswers } from "../../images.ts"
import { colors, print } from "../../output.ts"
import { noteHardlyLearned } from "../../show/learned.ts"
import { percent, printable } from "../../show/text.ts"
import type { PredictPart } from "../task.ts"
import { searchFlags } from "./flags.ts"

export const predictPart: PredictPart = { flags: searchFlags, predict }

/** Reads the text in images. Returns the exit code, 1 if an image could not be read. */
async function predict(
  path: string,
  images: readonly string[],
  flags: PredictValues & Values<typeof searchFlags>,
): Promise<number> {
  const { beams, lengthPenalty, json, model } = flags
  const opened = await openImages(images)
  const backend = await create(flags.backend, { worker: false, ...engineOptions(flags) })
  try {
    const reader = await loadReader(path, { backend })
    try {
      const results: object[] = []
      for await (const batch of decodeBatches(opened)) {
        const answers = await reader.read(
          batch.map(({ image }) => image),
          { beams, lengthPenalty },
        )
        for (const [file, readings] of withAnswers(batch, answers)) {
          const [best] = readings
          results.push({ file, ...best, ...(beams === undefined ? {} : { readings }) })
          if (!json) print(readingLines(file, beams === undefined ? readings.slice(0, 1) : readings))
        }
      }
      if (json && results.length > 0) print(JSON.stringify({ model, backend: backend.name, results }))
      if (!json) await noteHardlyLearned(path)
      return results.length === opened.names.length ? 0 : 1
    } finally {
      await reader.close()
    }
  } finally {
    await backend.close()
    await opened.close()
  }
}

/** The most probable reading of a file, and the others below it. */
function readingLines(file: string, readings: readonly Reading[]): string {
  const { bold, dim } = colors
  const lines = readings.map(({ text, probability, ended }, i) => {
    const line = `${percent(probability).padStart(8)}  ${printable(text)}${ended ? "" : "…"}`
    return i === 0 ? bold(line) : dim(line)
  })
  return [printable(file), ...lines].join("\n")
}
