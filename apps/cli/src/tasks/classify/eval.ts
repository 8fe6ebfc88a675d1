import { evaluateAny, type ModelEvaluation, type ModelLabelEvaluation } from "vitrine"
import { create } from "../../backends.ts"
import { UsageError } from "../../errors.ts"
import type { EvalValues } from "../../flags/eval.ts"
import { columnFlags } from "../../flags/columns.ts"
import type { Flags, Values } from "../../flags/flag.ts"
import { engineOptions } from "../../flags/machine.ts"
import { overrideFlags, overridesOf } from "../../flags/overrides.ts"
import { namesValue } from "../../flags/values.ts"
import { colors, errorColors, note, print } from "../../output.ts"
import { guessingLine, pointsLine } from "./guessing.ts"
import { notePassedOver } from "../../show/passed-over.ts"
import { count, percent, printable, short, titledTable } from "../../show/text.ts"
import type { EvalPart } from "../task.ts"
import { labelFigures, labelsHeadline, labelsReport, labelsTable } from "./labels-report.ts"
import { classTable, confusionTable, headline, perClass } from "./report.ts"

const flags = {
  realLabels: {
    value: "<file>",
    help: "also score by ImageNet's reassessed labels; real.json has a list of classes for each image",
  },
  classes: { value: "<a,b,…>", help: "measure on some of the data's classes", parse: namesValue },
  byPosition: { help: "match the data's classes to the model's by their order, not by their names" },
  ...columnFlags,
  ...overrideFlags,
} as const satisfies Flags

export const evalPart: EvalPart = { flags, evaluate }

async function evaluate(path: string, values: EvalValues & Values<typeof flags>): Promise<void> {
  const { model, json, data = [undefined], classes, byPosition, split, realLabels, batchSize, fileColumn } = values
  const backend = await create(values.backend, { worker: false, ...engineOptions(values) })
  try {
    const columns = { fileColumn, labelColumns: values.labelColumn }
    const options = { ...columns, classes, byPosition, split, realLabels, batchSize, backend, ...overridesOf(values) }
    const results: (ModelEvaluation | ModelLabelEvaluation)[] = []
    for (const each of data) {
      const result = await evaluateAny(path, { ...options, data: each })
      if (result.match === "position" && byPosition !== true) note(positionWarning(result))
      notePassedOver(result)
      results.push(result)
    }
    const several = results.filter((result) => "ap" in result)
    const single = results.filter((result) => "top1" in result)
    if (several.length > 0 && single.length > 0)
      throw new UsageError(
        "--data: some data sets have one label for each image and some have several: evaluate each kind in a run of its own",
      )
    const [only] = results
    const origin = { model, backend: backend.name }
    if (only !== undefined && results.length === 1) showOne(only, json === true ? origin : undefined)
    else if (several.length > 0) print(json ? JSON.stringify({ ...origin, results: several }) : labelsReport(several))
    else if (json) print(JSON.stringify({ ...origin, results: single, mean: means(single) }))
    else print(report(single))
  } finally {
    await backend.close()
  }
}

/** The warning that the data's classes match the model's by their order alone. */
function positionWarning({ data, labels }: Pick<ModelEvaluation, "data" | "labels">): string {
  const text = `${printable(data)}: its classes and the model's have no names in common: taken in their order, the first as ${printable(labels[0] ?? "")}`
  return errorColors.yellow(text)
}

/** Prints one evaluation. With `origin`, the output is JSON, which includes the fields of `origin`. */
function showOne(result: ModelEvaluation | ModelLabelEvaluation, origin: object | undefined): void {
  if ("ap" in result) {
    if (origin) print(JSON.stringify({ ...origin, ...result, classes: labelFigures(result) }))
    else print(`${labelsHeadline(result)}\n\n${labelsTable(result)}`)
    return
  }
  if (origin) {
    print(JSON.stringify({ ...origin, ...result, classes: perClass(result) }))
    return
  }
  print(headline(result))
  for (const line of pointsLine(result.examples)) print(line)
  for (const line of guessingLine(result.top1, result.examples, result.labels.length)) print(colors.yellow(line))
  if (result.real)
    print(`${percent(result.real.top1, 2)} right by the reassessed labels of ${count(result.real.examples)} images`)
  print(`\n${classTable(perClass(result))}`)
  if (result.labels.length <= 20) print(`\n${confusionTable(result)}`)
}

const figures = ["top1", "top5", "meanPerClass"] as const

/** The mean of each measure over the data sets. */
function means(results: readonly ModelEvaluation[]): Record<(typeof figures)[number], number> {
  const mean = (figure: (typeof figures)[number]): number =>
    results.reduce((sum, result) => sum + result[figure], 0) / results.length
  return { top1: mean("top1"), top5: mean("top5"), meanPerClass: mean("meanPerClass") }
}

/** A table with a row for each data set, and a row for their mean. */
function report(results: readonly ModelEvaluation[]): string {
  const shares = (result: Record<(typeof figures)[number], number>): string[] =>
    figures.map((figure) => percent(result[figure], 2))
  const rows = results.map((result) => [
    printable(result.data),
    count(result.examples),
    ...shares(result),
    short(result.loss),
  ])
  const titles = ["data", "images", "top 1", "top 5", "mean per class", "loss"]
  return titledTable(titles, [...rows, ["mean", "", ...shares(means(results)), ""]], [1, 2, 3, 4, 5])
}
