import { type Backend, type HostData } from "@vitrine/core"
import { apart, golden, goldenNames, tensor } from "@vitrine/golden"
import { type RunStore, trainingLoop, trainingOptions, transformerRate } from "@vitrine/trainer"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { seq2seqConfig, seq2seqParameters, type TextBatch, type TextEvaluation, textObjective } from "../src/index.ts"
import { backends, stripped } from "./golden.ts"

describe.each(backends)("20 steps by the paper's optimizer and schedule on $name", ({ name: backendName, start }) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await start()
  })
  afterAll(() => backend.close())

  it.each(goldenNames("seq2seq-"))("%s", async (name) => {
    const file = golden(name)
    const config = seq2seqConfig(file.json.config)
    const { losses, warmup, rate, smoothing } = file.json
    const batch: TextBatch = {
      source: tensor(file, "source").data as Float32Array | Int32Array,
      padding: Uint8Array.from(tensor(file, "padding").data),
      targets: tensor(file, "labels").data as Int32Array,
      weights: tensor(file, "weights").data as Float32Array,
      size: 3,
    }
    let saved = new Map<string, HostData>()
    const store: RunStore = {
      appendMetrics: () => {},
      saveCheckpoint: async ({ tensors, trainingTensors, step }) => {
        const all = [...tensors, ...trainingTensors]
        saved = new Map(all.map(([each, { data }]) => [each, data]))
        return { path: `step ${step}` }
      },
    }
    async function* same(): AsyncGenerator<TextBatch> {
      for (;;) yield batch
    }
    const events = trainingLoop<TextBatch, TextEvaluation>({
      backend,
      parameters: seq2seqParameters(config),
      initial: stripped(file, "param."),
      objective: textObjective(config, smoothing),
      options: trainingOptions({
        steps: losses.length,
        optimizer: { name: "adam", betas: [0.9, 0.98], epsilon: 1e-9 },
        learningRate: rate * transformerRate(config.dim, warmup),
        schedule: { decay: "rsqrt", warmup, final: 0 },
        weightDecay: 0,
        clip: null,
      }),
      batches: async () => ({ batchesPerEpoch: 5, waitedMs: 0, close: async () => {}, [Symbol.asyncIterator]: same }),
      evaluation: async () => once(batch),
      store,
    })
    const found: number[] = []
    let evaluated: TextEvaluation | undefined
    for await (const event of events) {
      if (event.type === "step") found.push(event.loss)
      if (event.type === "evaluation") evaluated = event
    }
    expect(found.length).toBe(losses.length)
    // Rates are float32. With an ε of 1e-9 Adam turns rounding errors into whole steps where a gradient is all but 0.
    const drift = backendName === "reference" ? 1e-6 : 1e-3
    for (const [step, loss] of losses.entries())
      expect(Math.abs((found[step] as number) / loss - 1), `step ${step}`).toBeLessThan(drift)
    if (backendName === "reference")
      for (const each of Object.keys(stripped(file, "trained.")))
        expect(apart(saved.get(each) ?? [], tensor(file, `trained.${each}`)), each).toBeLessThan(1e-6)

    const greedy: { hypotheses: { tokens: number[]; ended: boolean }[][] } = file.json.searches[0]
    const exact = greedy.hypotheses.filter(([best], row) => {
      const { length } = config
      const count = batch.weights.subarray(row * length, (row + 1) * length).reduce((a, b) => a + b, 0)
      const text = batch.targets.subarray(row * length, row * length + count - 1)
      return best?.ended && best.tokens.join() === text.join()
    })
    expect(evaluated).toMatchObject({ examples: 3, exact: exact.length / 3 })
  })
})

async function* once(batch: TextBatch): AsyncGenerator<TextBatch> {
  yield batch
}
