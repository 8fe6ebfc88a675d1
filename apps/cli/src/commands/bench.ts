import {
  graph,
  keyFromSeed,
  ops,
  parameterCount,
  programs,
  rootScope,
  type ImageModel,
  VitrineError,
} from "@vitrine/core"
import type { KernelTime, Profiler } from "@vitrine/backend-webgpu"
import { familyOf, familyOfRecipe, timmModel } from "@vitrine/checkpoint"
import { classificationObjective, trainingLoop, trainingOptions } from "@vitrine/trainer"
import { create } from "../backends.ts"
import { defineCommand } from "../command.ts"
import type { Flags, Values } from "../flags/flag.ts"
import { engineOptions, machineFlags } from "../flags/machine.ts"
import { jsonFlag } from "../flags/model.ts"
import { integerValue } from "../flags/values.ts"
import { colors, print } from "../output.ts"
import { randomBatch, randomBatches } from "../random-batch.ts"
import { bytes, count, short } from "../show/text.ts"

const flags = {
  model: {
    value: "<variant>",
    help: "SIZE/PATCH, such as Ti/16 or R+Ti/16, a ResNet such as R50x1, or timm's name, such as vit_tiny_patch16_224",
    default: "Ti/16",
  },
  imageSize: { value: "<n>", help: "side of the images", parse: integerValue(1), default: 224 },
  batchSize: { value: "<n>", help: "images at a time", parse: integerValue(1), default: 8 },
  train: { help: "measure training steps" },
  infer: { help: "measure inference (the default is both)" },
  steps: { value: "<n>", help: "steps to measure", parse: integerValue(1), default: 10 },
  profile: { help: "what each kernel takes, with --backend webgpu" },
  ...jsonFlag,
  ...machineFlags,
} as const satisfies Flags

type BenchValues = Values<typeof flags>

export const bench = defineCommand({
  flags,
  examples: [
    ["vitrine bench", "ViT-Ti/16, batches of 8"],
    ["vitrine bench --model B/16 --batch-size 1 --infer --threads 1", ""],
  ],
  run: (_, values) => measureModel(values),
})

interface Measurement {
  readonly what: "train" | "infer"
  /** Milliseconds of the first step, which compiles, and the median of the later ones. */
  readonly firstMs: number
  readonly medianMs: number
  readonly imagesPerSecond: number
  /** The greatest memory of the process so far. */
  readonly peakBytes: number
  /** The kernels of the last step, slowest first. */
  readonly kernels?: readonly KernelRuns[]
}

/** The runs of one kernel in a step. */
interface KernelRuns {
  readonly kernel: string
  readonly runs: number
  readonly milliseconds: number
}

/** The number of steps before the measured ones. */
const warmup = 2

/** Measures training steps and inference of a model on random data. */
async function measureModel(flags: BenchValues): Promise<void> {
  const subject = await modelOf(flags)
  const both = !flags.train && !flags.infer
  let last: readonly KernelTime[] | undefined
  const backend = flags.profile
    ? await profiledBackend(flags, (times) => (last = times))
    : await create(flags.backend, engineOptions(flags))
  const profiled = (measurement: Measurement): Measurement =>
    last === undefined ? measurement : { ...measurement, kernels: kernelTimes(last) }
  try {
    const measurements: Measurement[] = []
    if (both || flags.infer) measurements.push(profiled(await inferring(subject, flags, backend)))
    if (both || flags.train) measurements.push(profiled(await training(subject, flags, backend)))
    const parameters = parameterCount(subject.model.parameters)
    const { name, device } = backend
    const { model, imageSize, batchSize: batch } = flags
    if (flags.json)
      return print(
        JSON.stringify({ model, imageSize, batch, parameters, backend: name, device, measured: measurements }),
      )
    const { bold, dim } = colors
    print(bold(`${model} at ${imageSize}², batches of ${batch}`))
    print(dim(`${count(parameters)} parameters · ${name} · ${device}`))
    for (const { what, firstMs, medianMs, imagesPerSecond, peakBytes, kernels = [] } of measurements) {
      print(
        `${what.padEnd(6)} ${bold(`${short(medianMs)} ms`)} a step, ${bold(`${short(imagesPerSecond)} images/s`)} ` +
          dim(`(first step ${short(firstMs)} ms, peak memory ${bytes(peakBytes)})`),
      )
      for (const { kernel, runs, milliseconds } of kernels.slice(0, 15))
        print(dim(`${`${short(milliseconds)} ms`.padStart(12)} ${`${runs} ×`.padStart(5)} ${kernel}`))
    }
  } finally {
    await backend.close()
  }
}

/** A WebGPU backend that times its kernels on the device. */
async function profiledBackend({ backend, precision }: BenchValues, profile: Profiler): Promise<Engine> {
  if (backend !== "webgpu") throw new VitrineError("config", `--profile needs --backend webgpu, not ${backend}`)
  const storage = precision === "float16" ? precision : "float32"
  return (await import("@vitrine/backend-webgpu/node")).webgpuBackend({ software: true, precision: storage, profile })
}

function kernelTimes(times: readonly KernelTime[]): KernelRuns[] {
  const sums = new Map<string, { kernel: string; runs: number; milliseconds: number }>()
  for (const { kernel, milliseconds } of times) {
    const each = sums.get(kernel) ?? { kernel, runs: 0, milliseconds: 0 }
    each.runs++
    each.milliseconds += milliseconds
    sums.set(kernel, each)
  }
  return [...sums.values()].sort((a, b) => b.milliseconds - a.milliseconds)
}

/** A model with random weights. */
interface BenchModel {
  readonly model: ImageModel
  readonly initial: Readonly<Record<string, Float32Array>>
}

async function modelOf({ model: name, imageSize: side }: BenchValues): Promise<BenchModel> {
  const fields = { imageSize: [side, side] as const }
  const timms = await timmModel(name)
  const family = timms === undefined ? familyOfRecipe(name, fields) : familyOf(timms)
  const { variant, config: configOf } = family.recipes
  // Models of timm without a head have no classes, and a training step needs some.
  const config =
    timms === undefined ? variant(name, fields) : configOf({ ...timms, classes: 1000, ...fields }, undefined, false)
  const model = family.model(config)
  return { model, initial: family.initialize(model.parameters, config, "timm", keyFromSeed(0)) }
}

type Engine = Awaited<ReturnType<typeof create>>

async function inferring(
  { model, initial }: BenchModel,
  { batchSize: batch, steps }: BenchValues,
  backend: Engine,
): Promise<Measurement> {
  const images = ops.input("images", ["batch", ...model.imageSize, model.channels])
  const logits = model.forward(rootScope(), images)
  const compiled = programs(backend, graph({ outputs: { logits } }), { constants: initial })
  try {
    const times: number[] = []
    for (let i = 0; i <= steps + warmup; i++) {
      const input = { images: randomBatch(model, batch).images }
      const begun = performance.now()
      await (await compiled.at(batch)).run(input)
      times.push(performance.now() - begun)
    }
    return measurement("infer", times, batch)
  } finally {
    await compiled.dispose()
  }
}

async function training(
  { model, initial }: BenchModel,
  { batchSize: batch, steps }: BenchValues,
  backend: Engine,
): Promise<Measurement> {
  const options = trainingOptions({ steps: steps + warmup + 1 })
  const { parameters } = model
  const objective = classificationObjective(model, options.loss)
  const batches = async () => randomBatches(model, batch, steps)
  const times: number[] = []
  let begun = performance.now()
  for await (const { type } of trainingLoop({ backend, parameters, initial, objective, options, batches })) {
    const now = performance.now()
    if (type === "step") times.push(now - begun)
    begun = performance.now()
  }
  return measurement("train", times, batch)
}

function measurement(what: Measurement["what"], times: readonly number[], batch: number): Measurement {
  const [firstMs = Number.NaN, ...others] = times
  const medianMs = median(others.slice(warmup))
  return {
    what,
    firstMs,
    medianMs,
    imagesPerSecond: (1000 * batch) / medianMs,
    peakBytes: process.resourceUsage().maxRSS * 1024,
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low = Number.NaN, high = low] = sorted.slice(sorted.length % 2 === 0 ? middle - 1 : middle, middle + 1)
  return (low + high) / 2
}
