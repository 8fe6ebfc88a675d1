import { availableParallelism, cpus } from "node:os"
import { familyOf, familyOfRecipe, type ModelConfig } from "@vitrine/checkpoint"
import { type Backend, keyFromSeed } from "@vitrine/core"
import { classificationObjective, trainingLoop, trainingOptions } from "@vitrine/trainer"
import {
  fitRates,
  type Machine,
  machineMemory,
  type MeasuredStep,
  plannedSubject,
  type PlanSubject,
  stepWork,
  tasks,
} from "vitrine"
import { randomBatches } from "./random-batch.ts"

/** Small trainings with different shares of products, convolutions, other ops and overhead. */
const trainings: readonly { readonly model: Partial<ModelConfig>; readonly batch: number }[] = [
  { model: vit(96, 16, 192, 6), batch: 16 },
  { model: vit(64, 16, 384, 4), batch: 4 },
  { model: vit(32, 4, 64, 4), batch: 64 },
  { model: vit(32, 8, 32, 12), batch: 4 },
  { model: bit([64, 128, 256], [2, 2, 2], 64), batch: 8 },
  { model: bit([128, 256], [1, 1], 48), batch: 16 },
  { model: bit([32, 64, 128], [2, 4, 4], 28), batch: 32 },
  {
    model: {
      ...vit(64, 1, 96, 4),
      stem: { width: 32, depths: [2, 2], groups: 8, numerics: "timm" },
    },
    batch: 8,
  },
]

/** Small detectors, between whose programs the host matches boxes. */
const detectors = [{ batchSize: 8 }, { batchSize: 24 }] as const

function vit(side: number, patch: number, dim: number, depth: number): Partial<ModelConfig> {
  const size = [side, side] as const
  return { imageSize: size, patchSize: [patch, patch], dim, depth, heads: dim / 32, mlpDim: 4 * dim }
}

function bit(widths: readonly number[], depths: readonly number[], side: number): Partial<ModelConfig> {
  return { imageSize: [side, side], stemWidth: 16, widths, depths, groups: 8 }
}

const steps = 8
/** The first step compiles. Those after it still warm up, as in a run, so their mean counts. */
const warmup = 1

/**
 * Measures how fast a backend computes: the processor seconds of steps of small trainings, all threads together. The
 * rates are those that explain them best.
 */
export async function measureMachine(
  backend: Backend,
  onTraining: (done: number, all: number) => void,
): Promise<Machine> {
  const measured: MeasuredStep[] = []
  for (const [i, { model: fields, batch }] of trainings.entries()) {
    onTraining(i, trainings.length)
    const family = familyOfRecipe(undefined, fields)
    const config = family.recipes.config({ channels: 3, classes: 10, ...fields }, undefined, true)
    const model = familyOf(config).model(config)
    const options = trainingOptions({ steps })
    const objective = classificationObjective(model, options.loss)
    const subject: PlanSubject = {
      model: "",
      parameters: model.parameters,
      image: [...model.imageSize, model.channels],
      forward: (scope, images) => ({ logits: model.forward(scope, images) }),
      objective,
      cuts: false,
      measure: objective.measure,
      batchSize: batch,
      training: options,
    }
    const batches = async () => randomBatches(model, batch, steps)
    const initial = family.initialize(model.parameters, config, "timm", keyFromSeed(0))
    const { parameters } = model
    const events = trainingLoop({ backend, parameters, initial, objective, options, batches })
    measured.push({ work: stepWork(subject), seconds: await stepSeconds(events) })
  }
  for (const recipe of detectors) {
    const options = { data: "scenes", recipe: { ...recipe, steps, evaluateEvery: steps }, backend }
    const seconds = await stepSeconds((await tasks.detect()).train(options))
    measured.push({ work: stepWork(await plannedSubject({ task: "detect", options })), seconds })
  }
  return {
    name: cpus()[0]?.model.trim() ?? process.arch,
    memory: machineMemory(),
    cores: availableParallelism(),
    backends: { [backend.name]: fitRates(measured) },
  }
}

/** The mean processor seconds of the steps of a training, after those that warm up. */
async function stepSeconds(events: AsyncIterable<{ readonly type: string }>): Promise<number> {
  const seconds: number[] = []
  let before = process.cpuUsage()
  for await (const { type } of events) {
    if (type !== "step") continue
    seconds.push(secondsSince(before))
    before = process.cpuUsage()
    if (seconds.length === steps) break
  }
  const later = seconds.slice(warmup)
  return later.reduce((a, b) => a + b, 0) / later.length
}

/** User and system seconds of all threads. */
function secondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}
