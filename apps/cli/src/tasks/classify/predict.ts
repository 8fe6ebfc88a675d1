import { writeFileAtomic } from "@vitrine/checkpoint/node"
import { predictionsParquet } from "@vitrine/data/node"
import { type Prediction, topPredictions } from "vitrine"
import { UsageError } from "../../errors.ts"
import type { Flags, Values } from "../../flags/flag.ts"
import { overrideFlags } from "../../flags/overrides.ts"
import type { PredictValues } from "../../flags/predict.ts"
import { integerValue } from "../../flags/values.ts"
import { answersOf } from "../../answers.ts"
import { decodeBatches, openImages, withAnswers } from "../../images.ts"
import { withModel } from "../../model.ts"
import { colors, note, print } from "../../output.ts"
import { count, percent, printable } from "../../show/text.ts"
import type { PredictPart } from "../task.ts"

const flags = {
  top: { value: "<k>", help: "classes to name for each image", parse: integerValue(1), default: 5 },
  out: { alias: "-o", value: "<file>", help: "write a .parquet file with a row for each image, in place of the text" },
  logits: { help: "with --json, the logits of all classes too" },
  ...overrideFlags,
} as const satisfies Flags

export const predictPart: PredictPart = { flags, predict }

/** Predicts the classes of images. Returns the exit code, 1 if an image could not be read. */
async function predict(
  path: string,
  images: readonly string[],
  values: PredictValues & Values<typeof flags>,
): Promise<number> {
  const { model: name, json, top, out, logits: withLogits } = values
  if (out !== undefined && !out.endsWith(".parquet"))
    throw new UsageError(`--out ${out}: the name must end in .parquet`)
  const opened = await openImages(images)
  return withModel(path, values, async (model) => {
    const results: { file: string; top: Prediction[]; logits?: number[] }[] = []
    for await (const batch of decodeBatches(opened)) {
      const rows = await answersOf(batch, (images) => model.logits(images))
      for (const [file, logits] of withAnswers(batch, rows)) {
        const predictions = topPredictions(logits, model.labels, top, model.problemType)
        results.push({ file, top: predictions, ...(withLogits ? { logits: [...logits] } : {}) })
        if (!json && out === undefined) print(lines(file, predictions, model.problemType === "regression"))
      }
    }
    if (out !== undefined && results.length > 0) {
      await writeFileAtomic(out, [await predictionsParquet(results.map(({ file, top }) => ({ file, top })))])
      note(`${printable(out)}: ${count(results.length)} images`)
    }
    if (json && results.length > 0) print(JSON.stringify({ model: name, backend: model.backend.name, results }))
    return results.length === opened.names.length ? 0 : 1
  }).finally(opened.close)
}

/** @param plain whether the scores are outputs and not probabilities */
function lines(file: string, predictions: readonly Prediction[], plain: boolean): string {
  const { bold, dim } = colors
  const rows = predictions.map(({ label, probability }, i) => {
    const score = plain ? probability.toPrecision(4) : percent(probability)
    const row = `${score.padStart(8)}  ${printable(label)}`
    return i === 0 ? bold(row) : dim(row)
  })
  return [printable(file), ...rows].join("\n")
}
