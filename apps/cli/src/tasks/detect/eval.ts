import { UsageError } from "../../errors.ts"
import { evaluateDetector } from "vitrine"
import { create } from "../../backends.ts"
import type { EvalValues } from "../../flags/eval.ts"
import type { Values } from "../../flags/flag.ts"
import { engineOptions } from "../../flags/machine.ts"
import { errorColors, note, print } from "../../output.ts"
import type { EvalPart } from "../task.ts"
import { annotationFlags } from "./flags.ts"
import { evaluationTable, faultLines } from "./texts.ts"

export const evalPart: EvalPart = { flags: annotationFlags, evaluate }

async function evaluate(path: string, flags: EvalValues & Values<typeof annotationFlags>): Promise<void> {
  const { model, data = [undefined], split, batchSize, annotations: format, json } = flags
  if (split === "all") throw new UsageError("--split all is for image classifiers")
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
