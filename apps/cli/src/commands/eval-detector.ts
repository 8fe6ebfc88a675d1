import { evaluateDetector } from "vitrine"
import { create } from "../backends.ts"
import { refuse } from "../errors.ts"
import { refuseOverrides } from "../model.ts"
import { engineOptions } from "../options.ts"
import { errorColors, note, print } from "../output.ts"
import { evaluationTable, faultLines } from "../show/detection.ts"
import type { EvalFlags } from "./eval.ts"

/** Measures a detector on annotated images, of one data set or of several. */
export async function evaluateDetectorAt(path: string, flags: EvalFlags): Promise<void> {
  const { model, data = [undefined], split, batchSize, annotations: format, json } = flags
  refuse(flags, ["classes", "byPosition", "realLabels"], "is not for detectors")
  refuseOverrides(flags, "detector")
  const backend = await create(flags.backend, { worker: false, ...engineOptions(flags) })
  try {
    const results = []
    for (const each of data) {
      const result = await evaluateDetector(path, { data: each, split, batchSize, format, backend })
      results.push(result)
      if (json) continue
      for (const line of faultLines(result.faults)) note(errorColors.yellow(line))
      print(evaluationTable(result))
    }
    if (json)
      print(JSON.stringify({ model, backend: backend.name, ...(results.length === 1 ? results[0] : { results }) }))
  } finally {
    await backend.close()
  }
}
