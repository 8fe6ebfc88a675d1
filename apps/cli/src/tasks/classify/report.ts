import type { ModelEvaluation } from "vitrine"
import { colors } from "../../output.ts"
import { count, percent, printable, short, titledTable } from "../../show/text.ts"

interface ClassResult {
  readonly label: string
  readonly examples: number
  /** Share of its images that were recognised; null without images. */
  readonly accuracy: number | null
}

export function perClass({ labels, confusion, confusionCells }: ModelEvaluation): ClassResult[] {
  const totals = labels.map(() => ({ examples: 0, right: 0 }))
  const add = (label: number, predicted: number, count: number): void => {
    for (const total of totals.slice(label, label + 1)) {
      total.examples += count
      if (label === predicted) total.right += count
    }
  }
  for (const cell of confusionCells ?? []) add(...cell)
  for (const [label, row] of confusion.entries()) for (const [k, count] of row.entries()) add(label, k, count)
  return totals.map(({ examples, right }, i) => ({
    label: labels[i] ?? String(i),
    examples,
    accuracy: examples === 0 ? null : right / examples,
  }))
}

export const splitLabels = { train: "training ", val: "validation ", test: "test ", all: "" } as const

/** Accuracy and loss in a line. */
export function headline(result: ModelEvaluation): string {
  const { examples, top1, top5, meanPerClass, loss, data, split, labels } = result
  const { bold } = colors
  const five = labels.length > 5 ? `, ${percent(top5, 2)} among the first five` : ""
  const images = `${count(examples)} ${splitLabels[split]}images of ${printable(data)}`
  return `${bold(percent(top1, 2))} right${five}, ${percent(meanPerClass, 2)} mean per class; loss ${short(loss)} on ${images}`
}

export function classTable(classes: readonly ClassResult[]): string {
  const rows = classes.map(({ label, examples, accuracy }) => [
    printable(label),
    accuracy === null ? "–" : percent(accuracy),
    count(examples),
  ])
  return titledTable(["class", "accuracy", "images"], rows, [1, 2])
}

/** A row for each true class, a column for each predicted one. */
export function confusionTable({ labels, confusion }: Pick<ModelEvaluation, "labels" | "confusion">): string {
  const { bold, green, dim, yellow } = colors
  const largest = confusion.flat().reduce((a, b) => Math.max(a, b), 0)
  const width = Math.max(3, count(largest).length, String(labels.length).length)
  const names = labels.map((label, i) => `${String(i + 1).padStart(2)} ${printable(label)}`)
  const side = Math.max(...names.map(({ length }) => length))
  const rows = confusion.map((row, i) => {
    const cells = row.map((n, k) => {
      const cell = (n === 0 ? "·" : count(n)).padStart(width)
      return n === 0 ? dim(cell) : k === i ? green(cell) : yellow(cell)
    })
    return `${(names[i] ?? "").padEnd(side)}  ${cells.join(" ")}`
  })
  const head = labels.map((_, i) => String(i + 1).padStart(width)).join(" ")
  return [`${bold("true class".padEnd(side))}  ${bold(head)}  ${dim("as predicted")}`, ...rows].join("\n")
}
