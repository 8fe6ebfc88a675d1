import { onnxBackend } from "@vitrine/backend-onnx/node"
import { referenceBackend } from "@vitrine/backend-reference"
import { type Backend, foldKey, keyFromSeed, vitConfig, vitParameters } from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import { golden } from "@vitrine/golden"
import {
  checkDistillation,
  patchColours,
  type Distillation,
  distillationObjective,
  maskedPatchObjective,
  type Objective,
  trainingLoop,
  trainingOptions,
} from "@vitrine/trainer"
import fc from "fast-check"
import { describe, expect, test } from "vitest"

const engines: readonly { name: string; make: () => Promise<Backend>; losses: number; parameters: number }[] = [
  { name: "float64", make: async () => referenceBackend(), losses: 1e-7, parameters: 1e-6 },
  { name: "float32 on ONNX Runtime", make: () => onnxBackend({ worker: false }), losses: 1e-5, parameters: 1e-4 },
]

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length)
  const largest = Math.max(...Array.from(b, Math.abs))
  return Math.max(...Array.from(a, (x, i) => Math.abs(x - (b[i] as number)))) / largest
}

/** Everything of a tensor but the bias of the keys, whose gradient is nothing but rounding. */
const withoutKeyBias = (name: string, data: ArrayLike<number>): number[] =>
  Array.from(data).filter((_, i) => !(name.endsWith("qkv.bias") && Math.floor((3 * i) / data.length) === 1))

describe.each(engines)("20 steps as PyTorch takes them, in $name", (engine) => {
  test.each(["hard", "soft"])("DeiT's %s distillation", async (kind) => {
    const { json, tensors } = golden(`objective-distill-${kind}`)
    const config = vitConfig(json.config)
    const size = config.classes * json.batch
    const logits = tensors.teacher?.data as Float32Array
    let asked = 0
    const teacher = async (): Promise<Float32Array> => logits.subarray(size * asked, size * ++asked)
    const objective = distillationObjective(config, "cross-entropy", null, json.distillation as Distillation, teacher)
    await follows(`objective-distill-${kind}`, objective)
    expect(asked).toBe(json.steps)
  })

  test("masked patches", async () => {
    const { json, tensors } = golden("objective-masked-patch")
    const config = vitConfig(json.config)
    const objective = maskedPatchObjective(config, json)
    const { batch } = json as { batch: number }
    const part = (name: string, step: number): Float32Array => {
      const all = tensors[name]?.data as Float32Array
      const length = all.length / json.steps
      return all.slice(step * length, (step + 1) * length)
    }
    let step = 0
    await follows("objective-masked-patch", {
      ...objective,
      // What is corrupted is PyTorch's choice; the colours are ours.
      prepare: ({ images }) => {
        const labels = patchColours(images, batch, config, json)
        expect([...labels]).toEqual([...part("colours", step)])
        const classes = 8 ** config.channels
        const targets = new Float32Array(labels.length * classes)
        labels.forEach((label, at) => {
          targets[at * classes + label] = 1
        })
        const weights = part("chosen", step)
        const total = weights.reduce((a, b) => a + b)
        return { inputs: { images, mask: part("mask", step++), targets, weights }, total }
      },
    })
  })

  async function follows(name: string, objective: Objective): Promise<void> {
    const { json, tensors } = golden(name)
    const backend = await engine.make()
    const config = vitConfig(json.config)
    const rows = json.batch as number
    const { data } = tensors.images as { data: Float32Array }
    const size = data.length / json.steps
    const initial = Object.fromEntries(
      Object.entries(tensors).flatMap(([key, { data }]) =>
        key.startsWith("init.") ? [[key.slice(5), data as Float32Array]] : [],
      ),
    )
    async function* batches(): AsyncGenerator<Batch> {
      for (let i = 0; i < json.steps; i++) {
        const labels = new Int32Array(rows)
        const targets = new Float32Array(rows * config.classes)
        if (tensors.labels) labels.set((tensors.labels.data as Int32Array).subarray(i * rows, (i + 1) * rows))
        labels.forEach((label, row) => {
          if (config.classes > 0) targets[row * config.classes + label] = 1
        })
        const weights = new Float32Array(rows).fill(1)
        const images = data.slice(i * size, (i + 1) * size)
        yield { images, labels, targets, weights, size: rows, epoch: 0, index: i }
      }
    }
    const { lr, betas, eps, weight_decay } = json.optimizer
    const saved = new Map<string, ArrayLike<number>>()
    const published: string[] = []
    const losses: number[] = []
    const events = trainingLoop({
      backend,
      parameters: vitParameters(config),
      objective,
      initial,
      options: trainingOptions({
        steps: json.steps,
        learningRate: lr,
        optimizer: { name: "adamw", betas, epsilon: eps },
        weightDecay: weight_decay,
        schedule: { decay: "constant", warmup: 0, final: 0 },
        clip: null,
      }),
      batches: async () => ({
        batchesPerEpoch: 100,
        waitedMs: 0,
        close: async () => {},
        [Symbol.asyncIterator]: batches,
      }),
      store: {
        appendMetrics: () => {},
        saveCheckpoint: async ({ tensors, trainingTensors }) => {
          for (const [key, { data }] of [...trainingTensors, ...tensors]) saved.set(key, data)
          published.push(...[...tensors].map(([key]) => key))
          return { path: "" }
        },
      },
    })
    for await (const event of events) if (event.type === "step") losses.push(event.loss)
    expect(worst(losses, json.losses)).toBeLessThan(engine.losses)
    for (const [key, { data }] of Object.entries(tensors)) {
      if (!key.startsWith("final.")) continue
      const parameter = key.slice(6)
      const ours = saved.get(parameter) as ArrayLike<number>
      expect(worst(withoutKeyBias(parameter, ours), withoutKeyBias(parameter, data)), key).toBeLessThan(
        engine.parameters,
      )
    }
    expect(published).toEqual(vitParameters(config).map(({ name }) => name))
    await backend.close()
  }
})

test("half of the patches are corrupted: mostly masked, some another patch, some left", async () => {
  const config = vitConfig({ imageSize: [16, 24], patchSize: [4, 4], channels: 1, dim: 8, heads: 1, classes: 0 })
  const normalization = { mean: [0.5], std: [0.25] }
  const objective = maskedPatchObjective(config, normalization)
  const patches = 24
  const size = 40
  const counts = { masked: 0, swapped: 0, left: 0 }
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      // Each patch has a value of its own.
      const images = Float32Array.from({ length: size * 16 * 24 }, (_, at) => {
        const [y, x] = [Math.floor(at / 24) % 16, at % 24]
        return Math.floor(y / 4) * 6 + Math.floor(x / 4) + Math.floor(at / 384) / 64
      })
      const kept = images.slice()
      const rowWeights = new Float32Array(size).fill(1, 0, size - 1)
      const labels = new Int32Array(size)
      const batch = { images, labels, targets: new Float32Array(0), weights: rowWeights, size, epoch: 0, index: 0 }
      const key = foldKey(keyFromSeed(0), seed)
      const prepared = await objective.prepare(batch, key, [])
      expect(await objective.prepare(batch, key, [])).toEqual(prepared)
      expect(images).toEqual(kept)
      expect(prepared.total).toBe((size - 1) * 12)
      const {
        images: given,
        mask,
        targets,
        weights,
      } = prepared.inputs as Readonly<Record<"images" | "mask" | "targets" | "weights", Float32Array>>
      const told = Array.from({ length: size * patches }, (_, at) => targets.indexOf(1, 8 * at) - 8 * at)
      expect(told).toEqual([...patchColours(images, size, config, normalization)])
      for (let row = 0; row < size; row++) {
        const own = weights.subarray(row * patches, (row + 1) * patches)
        expect(own.reduce((a, b) => a + b)).toBe(row === size - 1 ? 0 : 12)
        for (let patch = 0; patch < patches; patch++) {
          const at = row * 384 + Math.floor(patch / 6) * 4 * 24 + (patch % 6) * 4
          const same = given[at] === images[at]
          const chosen = own[patch] === 1
          // What another patch brings is whole, and of the same image.
          expect(given[at + 3 * 24 + 3]).toBe(given[at])
          expect(((given[at] as number) * 64) % 64).toBe(((images[at] as number) * 64) % 64)
          if (!chosen) expect([same, mask[row * patches + patch]]).toEqual([true, 0])
          else if (mask[row * patches + patch] === 1) counts.masked++
          else if (same) counts.left++
          else counts.swapped++
        }
      }
    }),
    { numRuns: 10 },
  )
  const total = 10 * 39 * 12
  expect(counts.masked / total).toBeCloseTo(0.8, 1)
  expect(counts.swapped / total).toBeGreaterThan(0.07)
  expect(counts.swapped / total).toBeLessThan(0.13)
})

test("objectives refuse what they cannot learn", () => {
  const config = vitConfig({ imageSize: [8, 8], patchSize: [4, 4], channels: 4, dim: 8, heads: 1 })
  expect(() => maskedPatchObjective(config, { mean: [0], std: [1] })).toThrow("takes images of 1 to 3 channels, got 4")
  const soft = { kind: "soft", alpha: 0.5, tau: 1 } as const
  expect(() => distillationObjective(config, "cross-entropy", null, soft, async () => [])).toThrow("distillation token")
  expect(() => checkDistillation({ ...soft, alpha: 2 })).toThrow("distillation.alpha must be a number in [0, 1], got 2")
  expect(() => checkDistillation({ ...soft, tau: 0 })).toThrow("distillation.tau must be a positive number, got 0")
})
