import { referenceBackend } from "@vitrine/backend-reference"
import { type HostTensor, ops, type Parameter } from "@vitrine/core"
import { type EvaluationEvent, type Objective, train, trainingOptions } from "@vitrine/trainer"
import { expect, test } from "vitest"

/** Points of a line, which is no batch of images. */
interface Points {
  readonly size: number
  readonly x: Float32Array
  readonly y: Float32Array
}

interface Fit {
  readonly points: number
  readonly furthest: number
  readonly residuals: readonly number[]
}

const parameters: readonly Parameter[] = [{ name: "line", shape: [2], role: "linear" }]

/** y = line[0] x + line[1], by least squares; measured by the worst point. */
const line: Objective<Points, Fit> = {
  rows: (scope) => {
    const { predicted, y } = points(scope)
    return { losses: ops.square(ops.sub(predicted, y)), weights: ops.add(ops.mul(y, 0), 1) }
  },
  prepare: ({ size, x, y }) => ({ inputs: { x, y }, total: size }),
  measure: {
    outputs: (scope) => ({ residuals: ops.sub(points(scope).predicted, points(scope).y) }),
    pass: () => {
      const residuals: number[] = []
      return {
        async add({ x, y }, run) {
          const found = (await run({ x, y })).residuals as HostTensor
          residuals.push(...found.data)
        },
        result: () => ({ points: residuals.length, furthest: Math.max(...residuals.map(Math.abs)), residuals }),
      }
    },
    score: ({ furthest }) => -furthest,
  },
}

function points(scope: Parameters<Objective["rows"]>[0]): Record<"predicted" | "y", ReturnType<typeof ops.input>> {
  const coefficients = scope.param("line", [2], "linear")
  const [slope, offset] = [ops.slice(coefficients, 0, 0, 1), ops.slice(coefficients, 0, 1, 2)]
  const x = ops.input("x", ["batch"])
  return { predicted: ops.add(ops.mul(x, slope), offset), y: ops.input("y", ["batch"]) }
}

test("an objective of other batches says how it is measured and which checkpoint is best", async () => {
  const batch: Points = { size: 3, x: Float32Array.of(-1, 0, 1), y: Float32Array.of(-1.5, 0.5, 2.5) }
  const scores: (number | null)[] = []
  const metrics: object[] = []
  const found: EvaluationEvent<Fit>[] = []
  const events = train({
    backend: referenceBackend(),
    parameters,
    initial: { line: Float32Array.of(1, 0) },
    objective: line,
    options: trainingOptions({ steps: 120, learningRate: 0.1, weightDecay: 0 }),
    batches: async () => ({
      batchesPerEpoch: 1,
      waitedMs: 0,
      close: async () => {},
      async *[Symbol.asyncIterator]() {
        for (;;) yield batch
      },
    }),
    evaluation: async () => ({
      async *[Symbol.asyncIterator]() {
        yield* [batch, batch]
      },
    }),
    evaluateEvery: 30,
    checkpointEvery: 30,
    store: {
      appendMetrics: (event) => void (event.type === "evaluation" && metrics.push(event)),
      saveCheckpoint: async ({ score }) => {
        scores.push(score)
        return { path: "" }
      },
    },
  })
  for await (const event of events) if (event.type === "evaluation") found.push(event)
  expect(found.map(({ step, points, residuals }) => [step, points, residuals.length])).toEqual([
    [30, 6, 6],
    [60, 6, 6],
    [90, 6, 6],
    [120, 6, 6],
  ])
  expect(found.at(-1)?.furthest).toBeLessThan(0.05)
  expect(scores).toEqual(found.map(({ furthest }) => -furthest))
  expect(metrics).toEqual(found.map(({ step, points, furthest }) => ({ type: "evaluation", step, points, furthest })))
})
