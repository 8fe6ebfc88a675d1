import { type Probe, type ProbeMethod, probe as probeModel } from "vitrine"
import { create } from "../backends.ts"
import { localModel } from "../hub.ts"
import type { ModelFlags } from "../model.ts"
import { engineOptions, overridesOf } from "../options.ts"
import { colors, note, print } from "../output.ts"
import { count, percent, printable, table } from "../show/text.ts"

export interface ProbeFlags extends ModelFlags {
  readonly data?: readonly string[]
  readonly test?: string
  readonly classes?: readonly string[]
  readonly shots?: readonly number[]
  readonly seeds: number
  readonly methods?: readonly ProbeMethod[]
  readonly k: number
  readonly temperature: number
  readonly batchSize: number
  readonly workers?: number
  readonly json?: true
}

/** Measures a model's frozen features on one or several data sets. */
export async function probe(flags: ProbeFlags): Promise<void> {
  const { data = [undefined], model, ...rest } = flags
  const { path } = await localModel(model)
  const backend = await create(flags.backend, { worker: false, ...engineOptions(flags) })
  try {
    const found: Probe[] = []
    for (const each of data) {
      const { test, classes, shots, seeds, methods, k, temperature, batchSize, workers } = rest
      const choice = { test, classes, shots, seeds, methods, k, temperature, batchSize, workers }
      const result = await probeModel(path, { ...choice, data: each, backend, ...overridesOf(flags) })
      found.push(result)
      if (!flags.json)
        note(
          `${printable(result.data)}: ${count(result.examples)} images to learn from, ${count(result.test)} to measure on, ` +
            `${result.classes.length} classes, ${result.width} features`,
        )
    }
    if (flags.json) print(JSON.stringify({ model, backend: backend.name, data: found }))
    else print(report(found))
  } finally {
    await backend.close()
  }
}

/** A row for each data set and number of shots, a column for each method, and the mean over the data sets. */
function report(found: readonly Probe[]): string {
  const { bold } = colors
  const results = found.flatMap(({ data, results }) => results.map((result) => ({ data, ...result })))
  const methods = [...new Set(results.map(({ method }) => method))]
  const shots = [...new Set(results.map(({ shots }) => shots))]
  const cell = (accuracies: readonly number[], spread: readonly number[] = []): string =>
    `${percent(mean(accuracies), 2)}${spread.length > 1 ? ` ± ${(100 * deviation(spread)).toFixed(1)}` : ""}`
  const rows = shots.flatMap((n) => {
    const own = results.filter((result) => result.shots === n)
    const images = n === null ? "all" : `${n} a class`
    const rows = found.map(({ data }) => [
      printable(data),
      images,
      ...methods.map((method) => {
        const result = own.find((result) => result.data === data && result.method === method)
        return result === undefined ? "" : cell([result.accuracy], result.accuracies)
      }),
    ])
    const means = methods.map((method) => cell(own.filter((r) => r.method === method).map(({ accuracy }) => accuracy)))
    return found.length > 1 ? [...rows, ["mean", images, ...means]] : rows
  })
  const titles = methods.map((method) => method.replace("-", " "))
  const right = methods.map((_, i) => i + 2)
  const [head = "", ...lines] = table([["data", "images", ...titles], ...rows], right).split("\n")
  return [bold(head), ...lines].join("\n")
}

const mean = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0) / all.length

/** Of a sample. */
function deviation(all: readonly number[]): number {
  const middle = mean(all)
  return Math.sqrt(all.reduce((sum, x) => sum + (x - middle) ** 2, 0) / (all.length - 1))
}
