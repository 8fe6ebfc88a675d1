import { golden } from "@vitrine/golden"
import { referenceBackend } from "@vitrine/backend-reference"
import {
  type Features,
  fitByValidation,
  leastSquares,
  linearScores,
  logisticRegression,
  neighbourVotes,
  probeAccuracy,
} from "@vitrine/trainer"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { solvePositive } from "../src/probe/least-squares.ts"

const { json, tensors } = golden("probe")
const { classes, width } = json as { classes: number; width: number }
const data = (name: string): never => tensors[name]?.data as never
const query: Features = { values: data("query"), width, labels: new Int32Array(25) }

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length)
  const scale = Math.max(...Array.from(b, Math.abs))
  return Math.max(...Array.from(a, (x, i) => Math.abs(x - (b[i] as number)) / scale))
}

/** Each row less its mean: what says nothing about the classes taken out. */
function centred(scores: Float64Array): Float64Array {
  return scores.map((x, at) => {
    const from = at - (at % classes)
    return x - scores.subarray(from, from + classes).reduce((a, b) => a + b) / classes
  })
}

describe.each(["few", "many"])("on %s examples as NumPy and PyTorch compute it", (name) => {
  const train: Features = { values: data(`${name}.features`), width, labels: data(`${name}.labels`) }
  const { least_squares, logistic: penalties, neighbours } = json.cases[name]

  test("least squares", () => {
    for (const [i, fit] of leastSquares(train, classes, least_squares).entries())
      expect(worst(linearScores(fit, query), data(`${name}.least_squares.${i}`))).toBeLessThan(1e-8)
  })

  test("logistic regression", () => {
    for (const [i, fit] of logisticRegression(train, classes, penalties).entries())
      expect(worst(centred(linearScores(fit, query)), data(`${name}.logistic.${i}`))).toBeLessThan(1e-5)
  })

  test("weighted neighbours", async () => {
    for (const [i, options] of neighbours.entries()) {
      const votes = await neighbourVotes(referenceBackend(), train, query, classes, options)
      expect(worst(votes, data(`${name}.neighbours.${i}`))).toBeLessThan(1e-5)
    }
  })
})

test("positive systems are solved", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }).chain((n) => fc.tuple(fc.constant(n), matrix(n * n), matrix(2 * n))),
      fc.double({ min: 0.1, max: 10, noNaN: true }),
      ([n, root, x], l2) => {
        const positive = new Float64Array(n * n)
        for (let i = 0; i < n; i++)
          for (let k = 0; k < n; k++)
            for (let j = 0; j < n; j++)
              positive[i * n + k] =
                (positive[i * n + k] as number) + (root[i * n + j] as number) * (root[k * n + j] as number)
        const b = x.map((own, at) => {
          const row = Math.floor(at / 2)
          let sum = l2 * own
          for (let k = 0; k < n; k++) sum += (positive[row * n + k] as number) * (x[2 * k + (at % 2)] as number)
          return sum
        })
        solvePositive(positive, n, l2, b, 2).forEach((value, at) => expect(value).toBeCloseTo(x[at] as number, 6))
      },
    ),
  )
})

const matrix = (length: number): fc.Arbitrary<Float64Array> =>
  fc
    .array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: length, maxLength: length })
    .map((all) => Float64Array.from(all))

test("the penalty is chosen on examples that the fit has not seen", () => {
  // Two classes told apart by one feature among noise: without a penalty the noise is learned by heart.
  const rows = 40
  let seed = 1
  const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5
  const labels = Int32Array.from({ length: rows }, (_, i) => i % 2)
  const values = Float32Array.from({ length: rows * 30 }, (_, at) =>
    at % 30 === 0 ? (Math.floor(at / 30) % 2) + 1.2 * random() : 3 * random(),
  )
  const train = { values, width: 30, labels }
  const { l2, classifier } = fitByValidation(leastSquares, train, 2, [1e-6, 30])
  expect(l2).toBe(30)
  expect(classifier).toEqual(leastSquares(train, 2, [30])[0])
  expect(probeAccuracy(linearScores(classifier, train), labels)).toBeGreaterThan(0.85)
  const alone = { values: values.slice(0, 60), width: 30, labels: Int32Array.of(0, 1) }
  expect(fitByValidation(leastSquares, alone, 2, [1, 2, 4]).l2).toBe(2)
  expect(() => fitByValidation(leastSquares, { ...train, labels: new Int32Array(0) }, 2, [1])).toThrow("no training")
})
