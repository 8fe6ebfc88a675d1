import { type Backend, type Key, type Program, programs, type State } from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import { gradientsGraph, type StepOptions, stepGraph, stepKey, updateGraph, updateInputs } from "./programs.ts"

export interface StepResult {
  readonly loss: number
  /** Norm of all gradients before clipping, where it was computed. */
  readonly gradientNorm?: number
}

/** Takes one step on the batches that make it up; `step` counts from 0. */
export interface Stepper {
  run(state: State, batches: readonly Batch[], step: number, learningRate: number): Promise<StepResult>
  dispose(): Promise<void>
}

export interface StepperOptions extends StepOptions {
  readonly accumulate: number
  readonly classWeights: readonly number[] | null
  readonly key: Key
}

/**
 * One program for the whole step, or with accumulation two: one that adds up gradients and one that updates from them.
 * They are compiled at the first step.
 */
export function stepper(backend: Backend, options: StepperOptions): Stepper {
  const { accumulate, key } = options
  const backward = programs(backend, accumulate === 1 ? stepGraph(options) : gradientsGraph(options))
  let update: Promise<Program> | undefined
  const number = (data: ArrayLike<number> | undefined): number => data?.[0] ?? Number.NaN
  return {
    async run(state, batches, step, learningRate) {
      const weighted = batches.map((batch) => weigh(batch, options.classWeights))
      const total = Float32Array.of(weighted.reduce((sum, { total }) => sum + total, 0))
      const scalars = updateInputs(options, step, learningRate)
      let loss = 0
      for (const [i, { images, weights, size }] of batches.entries()) {
        const { targets } = weighted[i] as Weighted
        const inputs = { images, targets, weights, total, key: stepKey(key, step * accumulate + i) }
        const program = await backward.at(size)
        const result = await program.run(accumulate === 1 ? { ...inputs, ...scalars } : inputs, state)
        loss += number(result.loss?.data)
        if (accumulate === 1) return normed(loss, result.gradientNorm?.data)
      }
      update ??= backend.compile(updateGraph(options))
      const result = await (await update).run(scalars, state)
      return normed(loss, result.gradientNorm?.data)
    },
    async dispose() {
      await backward.dispose()
      await (await update)?.dispose()
    },
  }
}

function normed(loss: number, norm: ArrayLike<number> | undefined): StepResult {
  return norm === undefined ? { loss } : { loss, gradientNorm: norm[0] as number }
}

interface Weighted {
  readonly targets: Float32Array
  /** What the rows weigh together. */
  readonly total: number
}

/**
 * Targets scaled by the weights of the classes, and what the batch weighs: as PyTorch's `CrossEntropyLoss(weight)`, an
 * example counts by the weight of its label.
 */
function weigh({ targets, labels, weights }: Batch, classWeights: readonly number[] | null): Weighted {
  let total = 0
  if (classWeights === null) {
    for (const weight of weights) total += weight
    return { targets, total }
  }
  labels.forEach((label, row) => {
    total += (weights[row] as number) * (classWeights[label] as number)
  })
  return { targets: targets.map((t, i) => t * (classWeights[i % classWeights.length] as number)), total }
}
