import { evaluateGraph } from "@vitrine/backend-reference"
import { graph, ops } from "@vitrine/core"
import { expect, test } from "vitest"
import { weighted } from "../src/objectives/classification.ts"
import { rowLosses } from "../src/objectives/losses.ts"

test("weights of classes are the binary loss's pos_weight, which is never below 0", () => {
  const [z, t, w] = [
    [2, -1.5],
    [1, 0.3],
    [1, 20],
  ] as const
  const constant = (values: readonly number[]): ReturnType<typeof ops.constant> =>
    ops.constant(Float32Array.from(values), [1, values.length])
  const loss = rowLosses(constant(z), constant(t), "binary", w)
  const { result } = evaluateGraph(graph({ outputs: { result: loss } }), {})
  // PyTorch: −(w t log σ(z) + (1 − t) log(1 − σ(z))), the mean over the classes.
  const terms = z.map((logit, i) => {
    const p = 1 / (1 + Math.exp(-logit))
    const target = Math.fround(t[i] ?? 0)
    return -((w[i] ?? 0) * target * Math.log(p) + (1 - target) * Math.log(1 - p))
  })
  expect(result?.[0]).toBeCloseTo(terms.reduce((a, b) => a + b) / terms.length, 6)
})

test("weights of classes divide mixed targets by the number of examples, as PyTorch's cross_entropy of probabilities", () => {
  const logits = ops.constant(Float32Array.of(1, 2, 0.5, 0, -1, 3), [2, 3])
  const batch = {
    images: new Float32Array(0),
    targets: Float32Array.of(0.7, 0.3, 0, 0, 0.4, 0.6),
    labels: Int32Array.of(0, 2),
    weights: Float32Array.of(1, 1),
    size: 2,
    epoch: 0,
    index: 0,
  }
  const mean = (classWeightTotal: "labels" | "examples"): number => {
    const { inputs, total } = weighted(batch, "cross-entropy", [1, 2, 4], classWeightTotal)
    const targets = ops.constant(Float32Array.from(inputs.targets ?? []), [2, 3])
    const { result } = evaluateGraph(graph({ outputs: { result: rowLosses(logits, targets, "cross-entropy") } }), {})
    return ((result?.[0] ?? 0) + (result?.[1] ?? 0)) / total
  }
  expect(mean("examples")).toBeCloseTo(2.3572539798655856, 6)
  expect(mean("labels")).toBeCloseTo((2 * 2.3572539798655856) / 5, 6)
})
