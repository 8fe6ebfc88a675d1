import { onnxBackend } from "@vitrine/backend-onnx/node"
import { referenceBackend } from "@vitrine/backend-reference"
import type { Backend } from "@vitrine/core"
import { golden, type GoldenTensor } from "@vitrine/golden"
import { trainingLoop, trainingOptions } from "@vitrine/trainer"
import { describe, expect, it } from "vitest"
import { backbonePrefix, type DetectionBatch, detectionObjective, detrConfig, detrParameters } from "../src/index.ts"

interface Step {
  readonly loss: number
  readonly gradientNorm: number
}

const engines: readonly { name: string; make: () => Promise<Backend>; losses: number; parameters: number }[] = [
  { name: "float64", make: async () => referenceBackend(), losses: 1e-6, parameters: 1e-6 },
  { name: "float32 on ONNX Runtime", make: () => onnxBackend({ worker: false }), losses: 2e-5, parameters: 1e-4 },
]

/**
 * Whether a value, so far into its tensor, has no gradient but rounding: biases of keys, and what makes queries and keys of
 * the first layer of the decoder, all of whose values are the same.
 */
function idle(name: string, at: number): boolean {
  return (
    (name.endsWith("in_proj_bias") && at >= 1 / 3 && at < 2 / 3) ||
    (name.includes("decoder.layers.0.self_attn.in_proj") && at < 2 / 3)
  )
}

describe.each(engines)("20 steps as facebookresearch takes them, in $name", (engine) => {
  it("with padded batches, matching, a rate for the backbone, clipping and a drop of the rate", async () => {
    const { json, tensors } = golden("detr-training")
    const tensor = (name: string): GoldenTensor => tensors[name] as GoldenTensor
    const config = detrConfig(json.config)
    const parameters = detrParameters(config)
    const [size, height, width] = tensor("images.0").shape as [number, number, number]
    const batches = Array.from(
      { length: 4 },
      (_, index): DetectionBatch => ({
        images: tensor(`images.${index}`).data as Float32Array,
        mask: tensor(`mask.${index}`).data as Float32Array,
        sizes: [],
        originals: [],
        targets: json.targets[index].map(({ labels, boxes }: { labels: number[]; boxes: number[] }) => ({
          labels: Int32Array.from(labels),
          boxes: Float32Array.from(boxes),
        })),
        examples: new Uint32Array(size),
        weights: new Float32Array(size).fill(1),
        size,
        epoch: 0,
        index,
      }),
    )
    const { rate, backboneRate, weightDecay, clip, drop } = json.options
    const backend = await engine.make()
    const found: Step[] = []
    const saved = new Map<string, ArrayLike<number>>()
    const events = trainingLoop({
      backend,
      parameters,
      initial: Object.fromEntries(parameters.map(({ name }) => [name, tensor(`param.${name}`).data as Float32Array])),
      objective: detectionObjective(config, { imageSize: [height, width], padded: true, truth: () => expect.fail() }),
      options: trainingOptions({
        steps: 20,
        learningRate: rate,
        weightDecay,
        decay: "all",
        clip,
        rates: { backbone: backboneRate / rate },
        freeze: [`${backbonePrefix}.conv1`, `${backbonePrefix}.layer1`],
        schedule: { decay: "step", warmup: 0, final: 0.1, drop },
      }),
      batches: async () => ({
        batchesPerEpoch: 4,
        waitedMs: 0,
        close: async () => {},
        async *[Symbol.asyncIterator]() {
          for (;;) yield* batches
        },
      }),
      store: {
        appendMetrics: () => {},
        saveCheckpoint: async ({ tensors: named, trainingTensors }) => {
          for (const [name, { data }] of [...named, ...trainingTensors]) saved.set(name, data)
          return { path: "" }
        },
      },
    })
    for await (const event of events)
      if (event.type === "step") found.push({ loss: event.loss, gradientNorm: event.gradientNorm as number })
    for (const [i, { loss, gradientNorm }] of (json.steps as Step[]).entries()) {
      expect(Math.abs((found[i]?.loss as number) / loss - 1), `loss of step ${i}`).toBeLessThan(engine.losses)
      expect(Math.abs((found[i]?.gradientNorm as number) / gradientNorm - 1), `norm of step ${i}`).toBeLessThan(1e-3)
    }
    for (const name of Object.keys(tensors).filter((each) => each.startsWith("final."))) {
      const { data } = tensor(name)
      const own = saved.get(name.slice("final.".length)) as ArrayLike<number>
      const largest = Math.max(...Array.from(data, Math.abs), 0.1)
      const worst = Math.max(
        ...Array.from(data, (value, i) => (idle(name, i / data.length) ? 0 : Math.abs(value - (own[i] as number)))),
      )
      expect(worst / largest, name).toBeLessThan(engine.parameters)
    }
    await backend.close()
  })
})
