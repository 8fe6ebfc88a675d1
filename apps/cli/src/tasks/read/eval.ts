import { evaluateReader } from "vitrine"
import { create } from "../../backends.ts"
import { UsageError } from "../../errors.ts"
import type { EvalValues } from "../../flags/eval.ts"
import type { Values } from "../../flags/flag.ts"
import { engineOptions } from "../../flags/machine.ts"
import { colors, errorColors, note, print } from "../../output.ts"
import { count, percent, printable, titledTable } from "../../show/text.ts"
import type { EvalPart } from "../task.ts"
import { searchFlags } from "./flags.ts"

export const evalPart: EvalPart = { flags: searchFlags, evaluate }

async function evaluate(path: string, flags: EvalValues & Values<typeof searchFlags>): Promise<void> {
  const { data = [undefined], split = "val", batchSize, beams, lengthPenalty, json, model } = flags
  if (split === "test" || split === "all")
    throw new UsageError(`--split ${split} is not for models that read, whose data has train and val; use one of these`)
  const backend = await create(flags.backend, { worker: false, ...engineOptions(flags) })
  try {
    const results = []
    for (const each of data) {
      const result = await evaluateReader(path, { data: each, split, batchSize, beams, lengthPenalty, backend })
      results.push(result)
      if (json) continue
      const { exact, characters, examples, mistakes, skipped } = result
      const lines = `${count(examples)} ${split === "val" ? "validation" : "training"} lines of ${printable(result.data)}`
      print(
        `${colors.bold(percent(exact, 2))} of lines exact, ${colors.bold(percent(characters, 2))} of characters, on ${lines}`,
      )
      for (const reason of skipped.slice(0, 5)) note(errorColors.dim(`passed over ${printable(reason)}`))
      if (skipped.length > 5) note(errorColors.dim(`passed over ${count(skipped.length - 5)} more`))
      if (mistakes.length > 0) {
        const rows = mistakes.map(({ line, text, read }) => [printable(text), printable(read), printable(line)])
        print(`\n${titledTable(["text", "read", "line"], rows)}`)
      }
    }
    if (json)
      print(JSON.stringify({ model, backend: backend.name, ...(results.length === 1 ? results[0] : { results }) }))
  } finally {
    await backend.close()
  }
}
