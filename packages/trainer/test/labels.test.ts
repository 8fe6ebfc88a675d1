import { golden } from "@vitrine/golden"
import { expect, test } from "vitest"
import { averagePrecision, labelTally } from "@vitrine/trainer"

/** Rows of a matrix of so many columns, with a row of zeros behind them. */
const padded = (values: readonly number[], columns: number): readonly number[] => [
  ...values,
  ...Array.from({ length: columns }, () => 0),
]

test("figures of several labels are scikit-learn's, whatever the batches", () => {
  const { json, tensors } = golden("labels")
  const [logits, targets] = [tensors.logits, tensors.targets].map((tensor) => Array.from(tensor?.data ?? []))
  const [rows = 0, classes = 0] = tensors.logits?.shape ?? []
  const tally = labelTally(classes, json.threshold)
  const ones = Array.from({ length: rows }, () => 1)
  const half = 37
  const cut = half * classes
  tally.add(logits?.slice(0, cut) ?? [], ones.slice(0, half), targets?.slice(0, cut) ?? [], ones.slice(0, half))
  tally.add(
    padded(logits?.slice(cut) ?? [], classes),
    padded(ones.slice(half), 1),
    padded(targets?.slice(cut) ?? [], classes),
    padded(ones.slice(half), 1),
  )
  const result = tally.result()
  expect(result).toMatchObject({ examples: rows, loss: 1, threshold: json.threshold })
  for (const key of ["ap", "microAp", "macroF1", "microF1"] as const)
    expect(Math.abs((result[key] ?? 0) - json.figures[key]), key).toBeLessThan(1e-12)
  for (const [c, { averagePrecision: ap }] of result.classes.entries())
    if (json.figures.classes[c] === null) expect(ap).toBeNull()
    else expect(Math.abs((ap ?? 0) - json.figures.classes[c]), `class ${c}`).toBeLessThan(1e-12)
})

test("without positive examples there are no figures", () => {
  expect(averagePrecision([1, 2], [0, 0])).toBeNull()
  const tally = labelTally(1, 0.5)
  tally.add([3], [0.5], [0], [1])
  expect(tally.result()).toMatchObject({ ap: null, microAp: null, macroF1: null, microF1: null })
  expect(() => labelTally(1, 1)).toThrow("threshold: must be a number above 0 and below 1, got 1")
})
