import { referenceBackend } from "@vitrine/backend-reference"
import { type Backend, type HostTensor, ops, type Parameter } from "@vitrine/core"
import { onnxBackend } from "@vitrine/backend-onnx/node"
import { type EvaluationEvent, type Objective, type TrainEvent, trainingLoop, trainingOptions } from "@vitrine/trainer"
import { describe, expect, test } from "vitest"

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
        record: async ({ x, y }, run) => [...((await run({ x, y })).residuals as HostTensor).data],
        add: (found: readonly number[]) => void residuals.push(...found),
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
  const events = trainingLoop({
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

describe("the host between forward and backward", () => {
  const initial = { line: Float32Array.of(1, 0.25) }
  const batches: Points[] = [
    { size: 3, x: Float32Array.of(-1, 0, 1), y: Float32Array.of(-1.5, 0.5, 2.5) },
    { size: 3, x: Float32Array.of(2, 1, 3), y: Float32Array.of(4, 2.5, 7) },
  ]
  const run = async (
    backend: Backend,
    objective: Objective<Points, Fit>,
    accumulate: number,
    given = batches,
  ): Promise<{ losses: number[]; slots: string[] }> => {
    const [losses, slots]: [number[], string[]] = [[], []]
    const events: AsyncIterable<TrainEvent<Fit>> = trainingLoop({
      backend,
      parameters,
      initial,
      objective,
      options: trainingOptions({ steps: 6, accumulate, learningRate: 0.1 }),
      batches: async () => ({
        batchesPerEpoch: given.length,
        waitedMs: 0,
        close: async () => {},
        async *[Symbol.asyncIterator]() {
          for (;;) yield* given
        },
      }),
      store: {
        appendMetrics: () => {},
        saveCheckpoint: async ({ tensors, trainingTensors }) => {
          slots.push(...[...tensors, ...trainingTensors].map(([name]) => name))
          return { path: "" }
        },
      },
    })
    for await (const event of events) if (event.type === "step") losses.push(event.loss)
    return { losses, slots }
  }
  const seen: number[][] = []
  const between: Objective<Points, Fit> = {
    ...line,
    rows: (scope) => ({ ...line.rows(scope), hostValues: { predicted: points(scope).predicted } }),
    prepare: ({ size, x }) => ({ inputs: { x }, total: size }),
    hostInputs: ({ predicted }, { y }) => {
      seen.push(Array.from(predicted?.data ?? []))
      return { y }
    },
  }

  test.each([1, 2])("changes nothing but when inputs are given (%i batches a step)", async (accumulate) => {
    for (const start of [async () => referenceBackend(), () => onnxBackend({ worker: false })]) {
      const backend = await start()
      seen.length = 0
      const [cut, whole] = [await run(backend, between, accumulate), await run(backend, line, accumulate)]
      expect(cut.losses).toEqual(whole.losses)
      expect(seen).toHaveLength(6 * accumulate)
      expect(seen[0]).toEqual([-0.75, 0.25, 1.25])
      // What one half hands on to the other is nobody else's.
      expect(cut.slots).toEqual(whole.slots)
      await backend.close()
    }
  })

  test("needs batches of one size", async () => {
    const short = { size: 1, x: Float32Array.of(1), y: Float32Array.of(1) }
    await expect(run(referenceBackend(), between, 1, [...batches, short])).rejects.toThrow(
      "a batch of 1 among batches of 3",
    )
  })
})
