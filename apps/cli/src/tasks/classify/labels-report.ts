import type { LabelEvaluation, ModelLabelEvaluation } from "vitrine"
import { colors } from "../../output.ts"
import { count, percent, printable, short, titledTable } from "../../show/text.ts"
import { splitLabels } from "./report.ts"

const share = (value: number | null): string => (value === null ? "–" : percent(value, 2))

type NamedFigures = LabelEvaluation["classes"][number] & { readonly label: string }

/** The measures of each label, with the label's name. */
export function labelFigures({ labels, classes }: ModelLabelEvaluation): readonly NamedFigures[] {
  return classes.map((figures, i) => ({ label: labels[i] ?? String(i), ...figures }))
}

/** A line with average precision, F1 and loss, and the labels that the means leave out. */
export function labelsHeadline(result: ModelLabelEvaluation): string {
  const { ap, microAp, macroF1, microF1, threshold, loss, examples, data, split } = result
  const missing = labelFigures(result).filter(({ positives }) => positives === 0)
  const names = missing.slice(0, 10).map(({ label }) => printable(label))
  return [
    `${colors.bold(`AP ${share(ap)}`)} (mean of the labels; ${share(microAp)} of all in one list), F1 ${share(macroF1)} (${share(microF1)}) from ${percent(threshold, 0)} on; loss ${short(loss)} on ${count(examples)} ${splitLabels[split]}images of ${printable(data)}`,
    ...(missing.length === 0
      ? []
      : [`left out of the means, for no image has them: ${names.join(", ")}${missing.length > 10 ? ", …" : ""}`]),
  ].join("\n")
}

export function labelsTable(result: ModelLabelEvaluation): string {
  const rows = labelFigures(result).map(({ label, averagePrecision, f1, positives }) => [
    printable(label),
    share(averagePrecision),
    share(f1),
    count(positives),
  ])
  return titledTable(["label", "AP", "F1", "images"], rows, [1, 2, 3])
}

/** A row for each data set. */
export function labelsReport(results: readonly ModelLabelEvaluation[]): string {
  const rows = results.map(({ data, examples, ap, microAp, macroF1, microF1, loss }) => [
    printable(data),
    count(examples),
    ...[ap, microAp, macroF1, microF1].map(share),
    short(loss),
  ])
  const titles = ["data", "images", "AP", "micro AP", "F1", "micro F1", "loss"]
  return titledTable(titles, rows, [1, 2, 3, 4, 5, 6])
}
