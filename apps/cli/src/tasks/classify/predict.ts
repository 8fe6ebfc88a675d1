import { predictionsParquet } from "@vitrine/data/node"
import { type Prediction, topPredictions } from "vitrine"
import type { Flags, Values } from "../../flags/flag.ts"
import { overrideFlags } from "../../flags/overrides.ts"
import type { PredictValues } from "../../flags/predict.ts"
import { integerValue } from "../../flags/values.ts"
import { answersOf } from "../../answers.ts"
import { decodeBatches, openImages, withAnswers } from "../../images.ts"
import { withModel } from "../../model.ts"
import { colors, print } from "../../output.ts"
import { type Formats, imageResults, type ImageWork, jsonLines, resultFile } from "../../results.ts"
import { shardOf } from "../../shard.ts"
import { percent, printable } from "../../show/text.ts"
import type { PredictPart } from "../task.ts"

const flags = {
  top: { value: "<k>", help: "classes to name for each image", parse: integerValue(1), default: 5 },
  logits: { help: "with --json or a .jsonl file, the logits of all classes too" },
  ...overrideFlags,
} as const satisfies Flags

export const predictPart: PredictPart = { flags, predict }

/** An image with its predictions, and the logits of all classes if they are asked for. */
interface ImagePrediction {
  readonly file: string
  readonly top: readonly Prediction[]
  readonly logits?: readonly number[]
}

const formats: Formats<ImagePrediction> = {
  ".jsonl": jsonLines,
  ".parquet": async (results) => [await predictionsParquet(results.map(({ file, top }) => ({ file, top })))],
}

/** Predicts the classes of images. Returns the exit code, 1 if an image could not be read. */
async function predict(
  path: string,
  images: readonly string[],
  values: PredictValues & Values<typeof flags>,
): Promise<number> {
  const { json, top, logits: withLogits } = values
  const file = resultFile(values.out, formats)
  const shard = shardOf(values.shard)
  const opened = await openImages(images)
  let [backend, plain] = ["", false]
  const compute: ImageWork<ImagePrediction>["compute"] = (images, add) =>
    withModel(path, values, async (model) => {
      ;[backend, plain] = [model.backend.name, model.problemType === "regression"]
      for await (const batch of decodeBatches(images)) {
        const rows = await answersOf(batch, (images) => model.logits(images))
        for (const [file, logits] of withAnswers(batch, rows)) {
          const predictions = topPredictions(logits, model.labels, top, model.problemType)
          add({ file, top: predictions, ...(withLogits ? { logits: [...logits] } : {}) })
        }
      }
    })
  const show = ({ file, top }: ImagePrediction): void => print(lines(file, top, plain))
  const work = { command: "predict", model: path, flags: values, file, compute, show }
  const { results, unread } = await imageResults(opened, work, shard).finally(opened.close)
  if (json && results.length > 0) print(JSON.stringify({ model: values.model, backend, results }))
  return unread === 0 ? 0 : 1
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
