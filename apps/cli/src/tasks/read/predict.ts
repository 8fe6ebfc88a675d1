import { loadReader, type Reading } from "vitrine"
import { create } from "../../backends.ts"
import type { Values } from "../../flags/flag.ts"
import { engineOptions } from "../../flags/machine.ts"
import type { PredictValues } from "../../flags/predict.ts"
import { decodeBatches, openImages, withAnswers } from "../../images.ts"
import { colors, print } from "../../output.ts"
import { imageResults, type ImageWork, jsonLines, resultFile } from "../../results.ts"
import { shardOf } from "../../shard.ts"
import { noteHardlyLearned } from "../../show/learned.ts"
import { percent, printable } from "../../show/text.ts"
import type { PredictPart } from "../task.ts"
import { searchFlags } from "./flags.ts"

export const predictPart: PredictPart = { flags: searchFlags, predict }

/** Reads the text in images. Returns the exit code, 1 if an image could not be read. */
/** An image with its most probable reading, and with all of a search. */
type ImageReading = Partial<Reading> & { readonly file: string; readonly readings?: readonly Reading[] }

async function predict(
  path: string,
  images: readonly string[],
  values: PredictValues & Values<typeof searchFlags>,
): Promise<number> {
  const { beams, lengthPenalty, json, model } = values
  const file = resultFile<ImageReading>(values.out, { ".jsonl": jsonLines })
  const shard = shardOf(values.shard)
  const opened = await openImages(images)
  let name = ""
  const compute: ImageWork<ImageReading>["compute"] = async (images, add) => {
    const backend = await create(values.backend, { worker: false, ...engineOptions(values) })
    name = backend.name
    try {
      const reader = await loadReader(path, { backend })
      try {
        for await (const batch of decodeBatches(images)) {
          const answers = await reader.read(
            batch.map(({ image }) => image),
            { beams, lengthPenalty },
          )
          for (const [file, readings] of withAnswers(batch, answers))
            add({ file, ...readings[0], ...(beams === undefined ? {} : { readings }) })
        }
      } finally {
        await reader.close()
      }
    } finally {
      await backend.close()
    }
  }
  const show = ({ file, readings, ...best }: ImageReading): void =>
    print(readingLines(file, readings ?? [best as Reading]))
  const work = { command: "predict", model: path, flags: values, file, compute, show }
  const { results, unread } = await imageResults(opened, work, shard).finally(opened.close)
  if (json && results.length > 0) print(JSON.stringify({ model, backend: name, results }))
  if (!json) await noteHardlyLearned(path)
  return unread === 0 ? 0 : 1
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
