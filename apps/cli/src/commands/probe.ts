import { type Probe, probe as probeModel, probeMethods } from "vitrine"
import { create } from "../backends.ts"
import { defineCommand } from "../command.ts"
import { columnFlags } from "../flags/columns.ts"
import { type Flags, type Values } from "../flags/flag.ts"
import { engineOptions, machineFlags } from "../flags/machine.ts"
import { jsonFlag, modelAndOthers, modelFlag, modelHelp } from "../flags/model.ts"
import { overrideFlags, overridesOf } from "../flags/overrides.ts"
import { choicesValue, countsValue, integerValue, namesValue, positiveValue } from "../flags/values.ts"
import { localModel } from "../hub.ts"
import { note, print } from "../output.ts"
import { notePassedOver } from "../show/passed-over.ts"
import { count, percent, printable, titledTable } from "../show/text.ts"

const flags = {
  ...modelFlag,
  data: {
    value: "<path...>",
    help: "images to learn from and to measure on, as train takes them; default: the run's own",
  },
  test: { value: "<path>", help: "other images to measure on" },
  classes: { value: "<a,b,…>", help: "some of the data's classes", parse: namesValue },
  shots: {
    value: "<n,m,…>",
    help: "training images of each class, drawn anew for each seed; default: all",
    parse: countsValue,
  },
  seeds: { value: "<n>", help: "how often they are drawn", parse: integerValue(1), default: 3 },
  methods: { value: "<a,b,…>", help: `default: ${probeMethods.join()}`, parse: choicesValue(probeMethods) },
  k: { value: "<n>", help: "neighbours that vote", parse: integerValue(1), default: 20 },
  temperature: { value: "<x>", help: "of their votes", parse: positiveValue, default: 0.07 },
  batchSize: { value: "<n>", help: "images at a time", parse: integerValue(1), default: 64 },
  workers: { value: "<n>", help: "threads that prepare images; default: 1", parse: integerValue(0) },
  ...columnFlags,
  ...overrideFlags,
  ...jsonFlag,
  ...machineFlags,
} as const satisfies Flags

const methods = `
Methods:
  least-squares  onto −1 and 1 with an L2 penalty that is chosen on held-out parts: the paper's few-shot classifier
  logistic       logistic regression, its penalty chosen likewise
  knn            the weighted vote of the k nearest by cosine: DINO's
  nearest        the nearest by cosine
  pixels         the nearest by cosine of the pixels: what a model has to beat
`

export const probe = defineCommand({
  arguments: [["[model]", modelHelp]],
  flags,
  examples: [
    [
      "vitrine probe --model hf:timm/vit_tiny_patch16_224.augreg_in21k --data flowers --shots 5,10",
      "or a folder that lies here; the paper's few-shot figures",
    ],
    ["vitrine probe --model runs/plants-1 --data flowers pets cifar10", "a table over data sets, and their mean"],
    ["vitrine probe --model runs/a-1 --data b --methods knn --k 10", "all training images"],
  ],
  notes: () => methods,
  run([first], values) {
    const { model } = modelAndOthers([first], values.model)
    return measure({ ...values, model })
  },
})

/** Measures a model's frozen features on one or several data sets. */
async function measure(values: Values<typeof flags> & { readonly model: string }): Promise<void> {
  const { data = [undefined], model, json } = values
  const { path } = await localModel(model, values.checkpoint)
  const backend = await create(values.backend, { worker: false, ...engineOptions(values) })
  try {
    const probes: Probe[] = []
    for (const each of data) {
      const { test, classes, shots, seeds, methods, k, temperature, batchSize, workers, fileColumn } = values
      const options = {
        test,
        classes,
        shots,
        seeds,
        methods,
        k,
        temperature,
        batchSize,
        workers,
        fileColumn,
        labelColumns: values.labelColumn,
      }
      const result = await probeModel(path, { ...options, data: each, backend, ...overridesOf(values) })
      notePassedOver(result)
      probes.push(result)
      if (!json)
        note(
          `${printable(result.data)}: ${count(result.examples)} images to learn from, ${count(result.test)} to measure on, ` +
            `${result.classes.length} classes, ${result.width} features`,
        )
    }
    if (json) print(JSON.stringify({ model, backend: backend.name, data: probes }))
    else print(report(probes))
  } finally {
    await backend.close()
  }
}

/**
 * A table with a row for each data set and number of shots, a column for each method, and the mean over the data sets.
 */
function report(probes: readonly Probe[]): string {
  const results = probes.flatMap(({ data, results }) => results.map((result) => ({ data, ...result })))
  const methods = [...new Set(results.map(({ method }) => method))]
  const shots = [...new Set(results.map(({ shots }) => shots))]
  const cell = (accuracies: readonly number[], spread: readonly number[] = []): string =>
    `${percent(mean(accuracies), 2)}${spread.length > 1 ? ` ± ${(100 * deviation(spread)).toFixed(1)}` : ""}`
  const rows = shots.flatMap((n) => {
    const ofShots = results.filter((result) => result.shots === n)
    const images = n === null ? "all" : `${n} a class`
    const rows = probes.map(({ data }) => [
      printable(data),
      images,
      ...methods.map((method) => {
        const result = ofShots.find((result) => result.data === data && result.method === method)
        return result === undefined ? "" : cell([result.accuracy], result.accuracies)
      }),
    ])
    const means = methods.map((method) =>
      cell(ofShots.filter((r) => r.method === method).map(({ accuracy }) => accuracy)),
    )
    return probes.length > 1 ? [...rows, ["mean", images, ...means]] : rows
  })
  const titles = methods.map((method) => method.replace("-", " "))
  const right = methods.map((_, i) => i + 2)
  return titledTable(["data", "images", ...titles], rows, right)
}

const mean = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0) / all.length

/** The standard deviation of a sample. */
function deviation(all: readonly number[]): number {
  const middle = mean(all)
  return Math.sqrt(all.reduce((sum, x) => sum + (x - middle) ** 2, 0) / (all.length - 1))
}
