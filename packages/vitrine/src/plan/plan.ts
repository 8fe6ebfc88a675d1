import { parameterCount, VitrineError } from "@vitrine/core"
import { type ModelPart, modelParts } from "./cost.ts"
import type { Machine, Rates } from "./machine.ts"
import { checkPlanned, memoryFacts, type PlannedBackend, type PlannedMemory, plannedMemory } from "./memory.ts"
import { forwardGraph, hasCheckpoints, type PlanSubject } from "./subject.ts"
import { processorSeconds, type RankTime, rankTime, type StepWork, stepWork } from "./time.ts"

/** What a training is planned for. */
export interface PlanTarget {
  /** The name of a backend; `onnx` by default. */
  readonly backend?: string | undefined
  /** The type in which activations are stored; float32 by default. */
  readonly precision?: "float32" | "bfloat16" | "float16" | undefined
  /** The machine. Without it the plan has no times. */
  readonly machine?: Machine | undefined
  /** Whether the memory of the same training otherwise is planned too; true by default. */
  readonly variants?: boolean | undefined
  /** Numbers of ranks; 1, 8, 64 and 1,000 by default. */
  readonly ranks?: readonly number[] | undefined
}

/** A variation of a training, with its peak memory in bytes. */
export interface PlanVariant {
  readonly backend: PlannedBackend
  readonly gradCheckpointing: boolean
  readonly precision: "float32" | "float16"
  readonly peak: number
}

/** What a training takes. */
export interface Plan {
  /** Family, depth and width in short. */
  readonly model: string
  /** The data set that is assumed, or null for a training with data. */
  readonly assumedData: string | null
  readonly parameters: number
  /** Operations of a forward pass over one image: 2 for each multiply-accumulate. */
  readonly flops: number
  readonly parts: readonly ModelPart[]
  readonly batchSize: number
  readonly microBatches: number
  readonly accumulate: number
  readonly steps: number
  /** Operations of the whole run: 3 times the forward pass of each image. */
  readonly trainingFlops: number
  readonly backend: PlannedBackend
  readonly memory: PlannedMemory
  /** The memory of the same training otherwise: on other backends, with recomputation, in 16 bit. */
  readonly variants: readonly PlanVariant[]
  readonly work: StepWork
  /** Seconds of one step summed over processors, or null without a machine. */
  readonly processorSeconds: number | null
  readonly ranks: readonly RankTime[]
}

/**
 * Plans a training. It computes nothing of the training itself.
 * @throws VitrineError (config) for a backend whose memory cannot be planned, or of which the machine says nothing
 */
export async function planOf(subject: PlanSubject, target: PlanTarget = {}): Promise<Plan> {
  const { machine, precision, ranks = [1, 8, 64, 1000] } = target
  const backend = checkPlanned(target.backend ?? "onnx")
  const parts = modelParts(subject.parameters, forwardGraph(subject))
  const flops = parts.reduce((sum, part) => sum + part.flops, 0)
  const { batchSize, training } = subject
  const images = batchSize * training.accumulate
  const totalImages = images * training.steps
  const parameters = parameterCount(subject.parameters)
  const work = stepWork(subject)
  const seconds = machine === undefined ? null : processorSeconds(work, ratesOf(machine, backend))
  return {
    model: subject.model,
    assumedData: subject.assumedData ?? null,
    parameters,
    flops,
    parts,
    batchSize,
    microBatches: training.microBatches,
    accumulate: training.accumulate,
    steps: training.steps,
    trainingFlops: 3 * flops * totalImages,
    backend,
    memory: plannedMemory(await memoryFacts(subject, backend, { precision }), backend),
    variants: target.variants === false ? [] : await variantsOf(subject),
    work,
    processorSeconds: seconds,
    ranks:
      machine === undefined || seconds === null
        ? []
        : ranks.map((n) => rankTime(machine, n, seconds / (machine.cores ?? 1), { parameters, images, totalImages })),
  }
}

function ratesOf({ name, backends }: Machine, backend: string): Rates {
  const rates = backends[backend]
  if (rates !== undefined) return rates
  const others = Object.keys(backends).join(", ")
  throw new VitrineError("config", `${name}: has no rates of ${backend}, only of ${others || "no backend"}`)
}

/** The peak memory of a training in bytes. */
export async function plannedPeak(subject: PlanSubject, { backend, precision }: PlanTarget): Promise<number> {
  const checked = checkPlanned(backend ?? "onnx")
  return plannedMemory(await memoryFacts(subject, checked, { precision }), checked).peak
}

const others = [
  { backend: "onnx", gradCheckpointing: false, precision: "float32" },
  { backend: "onnx-web", gradCheckpointing: false, precision: "float32" },
  { backend: "node-cpu", gradCheckpointing: false, precision: "float32" },
  { backend: "webgpu", gradCheckpointing: false, precision: "float32" },
  { backend: "webgpu", gradCheckpointing: true, precision: "float32" },
  { backend: "webgpu", gradCheckpointing: false, precision: "float16" },
  { backend: "webgpu", gradCheckpointing: true, precision: "float16" },
] as const

async function variantsOf(subject: PlanSubject): Promise<PlanVariant[]> {
  const variants: PlanVariant[] = []
  const recomputes = hasCheckpoints(subject)
  for (const other of others) {
    if (other.gradCheckpointing && !recomputes) continue
    variants.push({ ...other, peak: await plannedPeak(recomputed(subject, other.gradCheckpointing), other) })
  }
  return variants
}

/** The same training with or without recomputation. */
export function recomputed(subject: PlanSubject, gradCheckpointing: boolean): PlanSubject {
  return { ...subject, training: { ...subject.training, gradCheckpointing } }
}
