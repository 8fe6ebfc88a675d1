import { evaluateGraph } from "@vitrine/backend-reference"
import { graph, ops } from "@vitrine/core"
import { expect, test } from "vitest"
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
