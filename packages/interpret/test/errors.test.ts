import { VitrineError } from "@vitrine/core"
import { expect, test } from "vitest"
import {
  attentionDistance,
  attentionMap,
  attentionRollout,
  bestOf,
  confusionMatrix,
  featureColors,
  filterComponents,
  learningCurve,
  nearestPatches,
  positionSimilarity,
  queryAttention,
} from "../src/index.ts"

const zeros = (...shape: number[]): { shape: number[]; data: Float32Array } => ({
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
})
const grid = { rows: 2, columns: 2 }
const patchSize = [4, 4] as const

test.each<[string, () => unknown, RegExp]>([
  [
    "ill-shaped attention",
    () => attentionMap(zeros(1, 2, 5, 4), { grid }),
    /attention must be \[batch, heads, tokens, tokens\], got \[1, 2, 5, 4\]/,
  ],
  ["attention of a block alone", () => attentionMap(zeros(2, 5, 5), { grid }), /got \[2, 5, 5\]/],
  [
    "values that are missing",
    () => attentionMap({ shape: [1, 2, 5, 5], data: new Float32Array(3) }, { grid }),
    /with 3 values/,
  ],
  [
    "values that are not finite",
    () => attentionDistance({ shape: [1, 1, 4, 4], data: new Float32Array(16).fill(Number.NaN) }, { grid, patchSize }),
    /value 0 is NaN/,
  ],
  [
    "too few tokens",
    () => attentionDistance(zeros(1, 2, 3, 3), { grid, patchSize }),
    /3 tokens are too few for 2×2 patches/,
  ],
  ["no head", () => attentionMap(zeros(1, 2, 5, 5), { grid, head: 2 }), /no head 2: there are 2, from 0/],
  ["no image", () => attentionMap(zeros(1, 2, 5, 5), { grid, image: 1 }), /no image 1: the batch has 1/],
  ["no class token", () => attentionRollout([zeros(1, 2, 4, 4)], { grid, query: "class" }), /no class token/],
  [
    "no patch",
    () => attentionMap(zeros(1, 2, 5, 5), { grid, query: { row: 2, column: 0 } }),
    /no patch 2,0: there are 2 rows and 2 columns/,
  ],
  ["no query", () => queryAttention(zeros(1, 2, 3, 4), { grid, query: 3 }), /no query 3: there are 3, from 0/],
  [
    "places of another grid",
    () => queryAttention(zeros(1, 2, 3, 5), { grid, query: 0 }),
    /5 places are no grid of 2×2/,
  ],
  ["no blocks", () => attentionRollout([], { grid }), /one block or more/],
  [
    "blocks that differ",
    () => attentionRollout([zeros(1, 1, 5, 5), zeros(1, 1, 6, 6)], { grid }),
    /same number of tokens/,
  ],
  ["two tables of positions", () => positionSimilarity(zeros(2, 5, 8), grid), /got 2 tables/],
  [
    "an empty grid",
    () => positionSimilarity(zeros(1, 5, 8), { rows: 0, columns: 2 }),
    /one row and column or more, got 0×2/,
  ],
  [
    "a matrix for filters",
    () => filterComponents(zeros(8, 48)),
    /patch_embed.proj.weight must be \[dim, channels, height, width\], got \[8, 48\]/,
  ],
  ["one filter", () => filterComponents(zeros(1, 3, 4, 4)), /there must be 2/],
  ["no features", () => featureColors([], grid), /there are no features/],
  [
    "features that differ",
    () => featureColors([zeros(1, 5, 8), zeros(1, 5, 9)], grid),
    /must all be \[batch, 5, 8\], got \[1, 5, 9\]/,
  ],
  [
    "no such image of features",
    () => nearestPatches([zeros(1, 5, 8)], grid, { image: 3, row: 0, column: 0 }),
    /no image 3: there are 1/,
  ],
  [
    "a confusion that is not square",
    () => confusionMatrix([[1, 2]], ["a", "b"]),
    /2 labels must have 2 rows and columns/,
  ],
  ["counts below 0", () => confusionMatrix([[-1]], ["a"]), /counts of 0 or more/],
])("%s is an error of one line", (_, call, message) => {
  expect(call).toThrow(message)
  try {
    call()
  } catch (error) {
    expect(VitrineError.isInstance(error)).toBe(true)
    expect((error as Error).message).not.toContain("\n")
  }
})

test("a confusion matrix has shares by true class", () => {
  const { shares, accuracy } = confusionMatrix(
    [
      [3, 1],
      [0, 0],
    ],
    ["a", "b"],
  )
  expect(shares).toEqual([
    [0.75, 0.25],
    [0, 0],
  ])
  expect(accuracy).toBe(0.75)
})

test("a curve takes what was measured, and passes over the rest", () => {
  const { steps, evaluations } = learningCurve([
    { type: "setup", backend: "onnx" },
    { type: "step", step: 1, loss: 2, learningRate: 0.1 },
    { type: "step", step: 2, loss: Number.NaN, learningRate: 0.1 },
    { type: "evaluation", step: 2, loss: 1.5, top1: 0.5 },
    { type: "checkpoint", step: 2 },
  ])
  expect(steps).toEqual([{ step: 1, loss: 2, learningRate: 0.1 }])
  expect(evaluations).toEqual([{ step: 2, loss: 1.5, score: 0.5 }])
})

test("the best of a curve is the first of the highest score, whatever is measured", () => {
  const ap = (step: number, value: number): object => ({ type: "evaluation", step, ap: value, ar100: 1 })
  const { measure, evaluations } = learningCurve([ap(1, -1), ap(2, 0.25), ap(3, 0.5), ap(4, 0.5)])
  expect({ measure, evaluations }).toEqual({
    measure: "ap",
    evaluations: [2, 3, 4].map((step) => ({ step, score: step === 2 ? 0.25 : 0.5 })),
  })
  expect(bestOf(evaluations)).toEqual({ step: 3, score: 0.5 })
  const equal = [
    { step: 1, score: 1, loss: 0.7 },
    { step: 2, score: 1, loss: 0.2 },
    { step: 3, score: 1, loss: 0.2 },
    { step: 4, score: 1, loss: 0.3 },
  ]
  expect(bestOf(equal)?.step).toBe(3)
  expect(bestOf([])).toBeUndefined()
  expect(learningCurve([{ type: "evaluation", step: 1, loss: 2, exact: 0.1, characters: 0.6 }])).toMatchObject({
    measure: "exact",
    evaluations: [{ step: 1, loss: 2, score: 0.1 }],
  })
})

test("where an object query looks: one head, or all on average", () => {
  // [batch 2, heads 2, queries 2, places 4], each value its own number
  const weights = { shape: [2, 2, 2, 4], data: Float32Array.from({ length: 32 }, (_, i) => i) }
  expect(Array.from(queryAttention(weights, { grid, query: 1, image: 1, head: 0 }).values)).toEqual([20, 21, 22, 23])
  expect(Array.from(queryAttention(weights, { grid, query: 0 }).values)).toEqual([4, 5, 6, 7])
})
