import type { Overrides } from "@vitrine/checkpoint"
import { evaluate as evaluateModel, type ModelEvaluation } from "vitrine"
import { create } from "../backends.ts"
import { localModel } from "../hub.ts"
import { overridesOf } from "../options.ts"
import { colors, print } from "../output.ts"
import { count, percent, printable, short, table } from "../show/text.ts"

export interface EvalFlags extends Overrides {
  readonly model: string
  readonly data?: string
  readonly classes?: readonly string[]
  readonly split: "val" | "train"
  readonly batchSize: number
  readonly backend: string
  readonly threads?: number
  readonly json?: true
}

/** Measures a model on labelled images. */
export async function evaluate(flags: EvalFlags): Promise<void> {
  const { model, data, classes: names, split, batchSize, threads } = flags
  const { path } = await localModel(model)
  const backend = await create(flags.backend, { worker: false, ...(threads === undefined ? {} : { threads }) })
  try {
    const result = await evaluateModel(path, {
      data,
      classes: names,
      split,
      batchSize,
      backend,
      ...overridesOf(flags),
    })
    const classes = perClass(result)
    if (flags.json) print(JSON.stringify({ model, backend: backend.name, ...result, classes }))
    else {
      print(headline(result))
      print(`\n${classTable(classes)}`)
      if (result.labels.length <= 20) print(`\n${confusionTable(result)}`)
    }
  } finally {
    await backend.close()
  }
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

export function headline({ examples, top1, top5, loss, data, split, labels }: ModelEvaluation): string {
  const { bold } = colors
  const five = labels.length > 5 ? `, ${percent(top5, 2)} among the first five` : ""
  const images = `${count(examples)} ${split === "val" ? "validation" : "training"} images of ${printable(data)}`
  return `${bold(percent(top1, 2))} right${five}; loss ${short(loss)} on ${images}`
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
