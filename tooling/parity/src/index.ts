import { type Backend, type ViTConfig, vitConfig, vitModel } from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import type { Golden, GoldenTensor } from "@vitrine/golden"
import {
  type BatchSource,
  classificationObjective,
  emaName,
  type TrainingOptions,
  trainingLoop,
  trainingOptions,
} from "@vitrine/trainer"
import { describe, expect, test } from "vitest"

export { modelParity, type ModelParityOptions } from "./models.ts"

interface TrainingCase {
  readonly config: ViTConfig
  readonly steps: number
  readonly batch: number
  readonly accumulate: number
  readonly loss: { readonly kind: string; readonly label_smoothing: number }
  readonly optimizer: {
    readonly name: "adamw" | "adam" | "sgd"
    readonly lr: number
    readonly betas?: [number, number]
    readonly eps?: number
    readonly momentum?: number
    readonly nesterov?: boolean
    readonly weight_decay: number
    readonly decay: string
  }
  readonly schedule: { readonly kind: string; readonly warmup: number }
  readonly clip: number | null
  readonly ema: number | null
  readonly layer_decay: number | null
  readonly losses: number[]
  readonly lrs: number[]
  readonly grad_norms: number[]
}

type Variation = Partial<Pick<TrainingOptions, "lossScaling" | "gradCheckpointing">>

function optionsOf(json: TrainingCase, variation: Variation): TrainingOptions {
  const { name, lr, betas = [0.9, 0.999], eps = 1e-8, momentum = 0, nesterov = false, weight_decay } = json.optimizer
  return trainingOptions({
    steps: json.steps,
    accumulate: json.accumulate,
    optimizer: name === "sgd" ? { name, momentum, nesterov } : { name, betas, epsilon: eps },
    learningRate: lr,
    weightDecay: weight_decay,
    decay: json.optimizer.decay === "all" ? "all" : "matrices",
    schedule: {
      decay: json.schedule.kind === "constant" ? "constant" : "cosine",
      warmup: json.schedule.warmup ?? 0,
      final: 0,
    },
    loss: json.loss.kind === "cross-entropy" ? "cross-entropy" : "binary",
    clip: json.clip ?? null,
    ema: json.ema ?? null,
    layerDecay: json.layer_decay ?? 1,
    ...variation,
  })
}

/** The batches of a golden file. Labels become smoothed targets, as in the data loader. */
function source(json: TrainingCase, tensors: Readonly<Record<string, GoldenTensor>>, consumed: number): BatchSource {
  const images = tensors.images as GoldenTensor
  const { classes } = json.config
  const rows = json.batch
  const size = images.data.length / (json.steps * json.accumulate * rows)
  const { label_smoothing: smoothing } = json.loss
  async function* all(): AsyncGenerator<Batch> {
    for (let i = consumed; i < json.steps * json.accumulate; i++) {
      const labels = new Int32Array(rows)
      const targets = new Float32Array(rows * classes)
      if (tensors.labels) {
        labels.set((tensors.labels.data as Int32Array).subarray(i * rows, (i + 1) * rows))
        targets.fill(smoothing / classes)
        labels.forEach((label, row) => {
          targets[row * classes + label] = 1 - smoothing + smoothing / classes
        })
      } else targets.set((tensors.targets as GoldenTensor).data.subarray(i * rows * classes, (i + 1) * rows * classes))
      yield {
        images: images.data.slice(i * rows * size, (i + 1) * rows * size) as Float32Array,
        labels,
        targets,
        weights: new Float32Array(rows).fill(1),
        size: rows,
        epoch: 0,
        index: i,
      }
    }
  }
  return { batchesPerEpoch: 100, waitedMs: 0, close: async () => {}, [Symbol.asyncIterator]: all }
}

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let difference = 0
  let largest = 0
  for (let i = 0; i < b.length; i++) {
    difference = Math.max(difference, Math.abs((a[i] as number) - (b[i] as number)))
    largest = Math.max(largest, Math.abs(b[i] as number))
  }
  return difference / largest
}

/** The values of a tensor without the keys' bias, whose gradient consists of rounding errors only. */
function withoutKeyBias(name: string, data: ArrayLike<number>): number[] {
  const all = Array.from(data)
  return name.endsWith("qkv.bias") ? all.filter((_, i) => Math.floor((3 * i) / all.length) !== 1) : all
}

/** The greatest difference of losses and parameters from PyTorch's float64, relative to the largest value. */
export interface ParityTolerance {
  readonly losses: number
  readonly parameters: number
}

/**
 * Registers a test for each golden run (`training-*` of @vitrine/golden, by name). Losses, norms, averages and final
 * parameters must equal PyTorch's. One run is repeated with a scaled loss and gradient checkpointing.
 */
export function trainingParity(
  engine: string,
  makeBackend: () => Promise<Backend>,
  runs: Readonly<Record<string, () => Promise<Golden>>>,
  { losses: lossTolerance, parameters: parameterTolerance }: ParityTolerance = { losses: 1e-5, parameters: 1e-4 },
): void {
  describe(`20 steps as PyTorch takes them, in ${engine}`, () => {
    for (const [name, read] of Object.entries(runs)) test(name, () => follow(read))
    const varied = runs["training-sgd-clip"]
    if (varied)
      test("training-sgd-clip, the loss scaled and blocks computed again", () =>
        follow(varied, { lossScaling: true, gradCheckpointing: true }))
  })

  async function follow(read: () => Promise<Golden>, variation: Variation = {}): Promise<void> {
    const backend = await makeBackend()
    const { json, tensors } = (await read()) as { json: TrainingCase; tensors: Record<string, GoldenTensor> }
    const model = vitModel(vitConfig(json.config))
    const options = optionsOf(json, variation)
    const initial = Object.fromEntries(
      model.parameters.map(({ name }) => [name, (tensors[`init.${name}`] as GoldenTensor).data as Float32Array]),
    )
    const losses: number[] = []
    const rates: number[] = []
    const norms: number[] = []
    const saved = new Map<string, ArrayLike<number>>()
    const events = trainingLoop({
      backend,
      parameters: model.parameters,
      initial,
      objective: classificationObjective(model, options.loss),
      options,
      batches: async (consumed) => source(json, tensors, consumed),
      store: {
        appendMetrics: () => {},
        saveCheckpoint: async ({ tensors, trainingTensors }) => {
          for (const [key, { data }] of [...tensors, ...trainingTensors]) saved.set(key, data)
          return { path: "" }
        },
      },
    })
    for await (const event of events)
      if (event.type === "step") {
        losses.push(event.loss)
        rates.push(event.learningRate)
        if (event.gradientNorm !== undefined) norms.push(event.gradientNorm)
      }
    expect(worst(losses, json.losses)).toBeLessThan(lossTolerance)
    expect(worst(rates, json.lrs)).toBeLessThan(1e-12)
    if (norms.length > 0) expect(worst(norms, json.grad_norms)).toBeLessThan(parameterTolerance)
    for (const [key, { data }] of Object.entries(tensors)) {
      const [kind, parameter] = [key.slice(0, key.indexOf(".")), key.slice(key.indexOf(".") + 1)]
      if (kind !== "final" && kind !== "ema") continue
      const ours = saved.get(kind === "ema" ? emaName(parameter) : parameter) as ArrayLike<number>
      expect(worst(withoutKeyBias(parameter, ours), withoutKeyBias(parameter, data)), key).toBeLessThan(
        parameterTolerance,
      )
    }
    await backend.close()
  }
}
