import { UsageError } from "../errors.ts"
import { type Prediction, taskOf, topPredictions } from "vitrine"
import { decodeBatches, imageFiles } from "../images.ts"
import { type ModelFlags, withModel } from "../model.ts"
import { localModel } from "../hub.ts"
import { colors, print } from "../output.ts"
import { percent, printable } from "../show/text.ts"

export interface PredictFlags extends ModelFlags {
  readonly top: number
  readonly logits?: true
  readonly beams?: number
  readonly lengthPenalty?: number
  readonly json?: true
}

/** Says what images show; gives the exit code: 1 if any of them could not be read. */
export async function predict(images: readonly string[], flags: PredictFlags): Promise<number> {
  const { path } = await localModel(flags.model)
  if ((await taskOf(path)) === "read") return (await import("./read.ts")).readImages(images, path, flags)
  refuseBeams(flags)
  const files = await imageFiles(images)
  return withModel(flags, async (model) => {
    const results: { file: string; top: Prediction[]; logits?: number[] }[] = []
    for await (const batch of decodeBatches(files)) {
      const logits = await model.logits(batch.images)
      for (const [i, file] of batch.files.entries()) {
        const own = logits[i] as Float32Array
        const top = topPredictions(own, model.labels, flags.top)
        results.push({ file, top, ...(flags.logits ? { logits: [...own] } : {}) })
        if (!flags.json) print(lines(file, top))
      }
    }
    const document = { model: flags.model, backend: model.backend.name, results }
    if (flags.json && results.length > 0) print(JSON.stringify(document))
    return results.length === files.length ? 0 : 1
  })
}

/** @throws UsageError for flags of a search, where nothing is searched. */
export function refuseBeams({ beams, lengthPenalty }: Pick<PredictFlags, "beams" | "lengthPenalty">): void {
  if (beams !== undefined || lengthPenalty !== undefined)
    throw new UsageError("--beams and --length-penalty are for models that read")
}

function lines(file: string, top: readonly Prediction[]): string {
  const { bold, dim } = colors
  const rows = top.map(({ label, probability }, i) => {
    const row = `${percent(probability).padStart(8)}  ${printable(label)}`
    return i === 0 ? bold(row) : dim(row)
  })
  return [printable(file), ...rows].join("\n")
}
