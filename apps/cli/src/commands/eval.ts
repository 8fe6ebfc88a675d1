import { evaluate as evaluateModel, type ModelEvaluation, taskOf } from "vitrine"
import { create } from "../backends.ts"
import { UsageError } from "../errors.ts"
import { localModel } from "../hub.ts"
import { refuseBeams } from "./predict.ts"
import { type EngineFlags, engineOptions, type OverrideFlags, overridesOf } from "../options.ts"
import { colors, errorColors, note, print } from "../output.ts"
import { count, percent, printable, short, table } from "../show/text.ts"

export interface EvalFlags extends OverrideFlags, EngineFlags {
  readonly model: string
  readonly data?: readonly string[]
  readonly classes?: readonly string[]
  readonly byPosition?: true
  readonly annotations?: "coco" | "voc"
  readonly split?: "val" | "train" | "test"
  readonly realLabels?: string
  readonly batchSize: number
  readonly beams?: number
  readonly lengthPenalty?: number
  readonly backend: string
  readonly json?: true
}

/** Measures a model on labelled images, of one data set or of several. */
export async function evaluate(flags: EvalFlags): Promise<void> {
  const { model, data = [undefined], classes: names, byPosition, split, realLabels, batchSize } = flags
  const { path } = await localModel(model)
  const task = await taskOf(path)
  if (task === "detect") return (await import("./eval-detector.ts")).evaluateDetectorAt(path, flags)
  if (split === "test" || flags.annotations !== undefined)
    throw new UsageError("--split test and --annotations are for detectors")
  if (task === "read") return (await import("./read.ts")).evaluateReading(path, flags)
  refuseBeams(flags)
  const backend = await create(flags.backend, { worker: false, ...engineOptions(flags) })
  try {
    const options = { classes: names, byPosition, split, realLabels, batchSize, backend, ...overridesOf(flags) }
    const results: ModelEvaluation[] = []
    for (const each of data) {
      const result = await evaluateModel(path, { ...options, data: each })
      if (result.match === "position" && byPosition !== true) note(takenInOrder(result))
      results.push(result)
    }
    const [only] = results
    if (only !== undefined && results.length === 1) showOne(only, flags, backend.name)
    else if (flags.json) print(JSON.stringify({ model, backend: backend.name, results, mean: means(results) }))
    else print(report(results))
  } finally {
    await backend.close()
  }
}

/** What a reader of the figures has to know of classes that have no names in common. */
function takenInOrder({ data, labels }: ModelEvaluation): string {
  const text = `${printable(data)}: its classes and the model's have no names in common: taken in their order, the first as ${printable(labels[0] ?? "")}`
  return errorColors.yellow(text)
}

function showOne(result: ModelEvaluation, { model, json }: EvalFlags, backend: string): void {
  const classes = perClass(result)
  if (json) return print(JSON.stringify({ model, backend, ...result, classes }))
  print(headline(result))
  if (result.real)
    print(`${percent(result.real.top1, 2)} right by the reassessed labels of ${count(result.real.examples)} images`)
  print(`\n${classTable(classes)}`)
  if (result.labels.length <= 20) print(`\n${confusionTable(result)}`)
}

const figures = ["top1", "top5", "meanPerClass"] as const

/** Over data sets, each counting the same. */
function means(results: readonly ModelEvaluation[]): Record<(typeof figures)[number], number> {
  const mean = (figure: (typeof figures)[number]): number =>
    results.reduce((sum, result) => sum + result[figure], 0) / results.length
  return { top1: mean("top1"), top5: mean("top5"), meanPerClass: mean("meanPerClass") }
}

/** A row for each data set, and their mean. */
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
  const [head = "", ...lines] = table(
    [titles, ...rows, ["mean", "", ...shares(means(results)), ""]],
    [1, 2, 3, 4, 5],
  ).split("\n")
  return [colors.bold(head), ...lines].join("\n")
}

interface ClassResult {
  readonly label: string
  readonly examples: number
  /** Share of its images that were recognised; null without images. */
  readonly accuracy: number | null
}

function perClass({ labels, confusion }: ModelEvaluation): ClassResult[] {
  return labels.map((label, i) => {
    const row = confusion[i] as readonly number[]
    const examples = row.reduce((a, b) => a + b, 0)
    return { label, examples, accuracy: examples === 0 ? null : (row[i] as number) / examples }
  })
}

export function headline(result: ModelEvaluation): string {
  const { examples, top1, top5, meanPerClass, loss, data, split, labels } = result
  const { bold } = colors
  const five = labels.length > 5 ? `, ${percent(top5, 2)} among the first five` : ""
  const images = `${count(examples)} ${split === "val" ? "validation" : "training"} images of ${printable(data)}`
  return `${bold(percent(top1, 2))} right${five}, ${percent(meanPerClass, 2)} mean per class; loss ${short(loss)} on ${images}`
}

function classTable(classes: readonly ClassResult[]): string {
  const rows = classes.map(({ label, examples, accuracy }) => [
    printable(label),
    accuracy === null ? "–" : percent(accuracy),
    count(examples),
  ])
  const [head = "", ...lines] = table([["class", "accuracy", "images"], ...rows], [1, 2]).split("\n")
  return [colors.bold(head), ...lines].join("\n")
}

/** True classes down, predicted ones across. */
export function confusionTable({ labels, confusion }: Pick<ModelEvaluation, "labels" | "confusion">): string {
  const { bold, green, dim, yellow } = colors
  const largest = Math.max(...confusion.flat())
  const width = Math.max(3, count(largest).length, String(labels.length).length)
  const names = labels.map((label, i) => `${String(i + 1).padStart(2)} ${printable(label)}`)
  const side = Math.max(...names.map(({ length }) => length))
  const rows = confusion.map((row, i) => {
    const cells = row.map((n, k) => {
      const cell = (n === 0 ? "·" : count(n)).padStart(width)
      return n === 0 ? dim(cell) : k === i ? green(cell) : yellow(cell)
    })
    return `${(names[i] as string).padEnd(side)}  ${cells.join(" ")}`
  })
  const head = labels.map((_, i) => String(i + 1).padStart(width)).join(" ")
  return [`${bold("true class".padEnd(side))}  ${bold(head)}  ${dim("as predicted")}`, ...rows].join("\n")
}
