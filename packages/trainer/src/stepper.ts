import { type Backend, type Key, type Program, programs, type State } from "@vitrine/core"
import type { Objective, Prepared, Sized } from "./objectives/objective.ts"
import { gradientsGraph, type StepOptions, stepGraph, stepKey, updateGraph, updateInputs } from "./programs.ts"

export interface StepResult {
  readonly loss: number
  /** Norm of all gradients before clipping, where it was computed. */
  readonly gradientNorm?: number
}

/** Takes one step on the batches that make it up; `step` counts from 0. */
export interface Stepper<B> {
  run(state: State, batches: readonly B[], step: number, learningRate: number): Promise<StepResult>
  dispose(): Promise<void>
}

export interface StepperOptions<B extends Sized> extends StepOptions {
  readonly objective: Pick<Objective<B>, "rows" | "prepare">
  readonly accumulate: number
  readonly key: Key
}

/**
 * One program for the whole step, or with accumulation two: one that adds up gradients and one that updates from them.
 * They are compiled at the first step.
 */
export function stepper<B extends Sized>(backend: Backend, options: StepperOptions<B>): Stepper<B> {
  const { accumulate, key, objective } = options
  const backward = programs(backend, accumulate === 1 ? stepGraph(options) : gradientsGraph(options))
  let update: Promise<Program> | undefined
  const number = (data: ArrayLike<number> | undefined): number => data?.[0] ?? Number.NaN
  return {
    async run(state, batches, step, learningRate) {
      const keys = batches.map((_, i) => stepKey(key, step * accumulate + i))
      const prepared: Prepared[] = []
      for (const [i, batch] of batches.entries()) prepared.push(await objective.prepare(batch, keys[i] as Key))
      const total = Float32Array.of(prepared.reduce((sum, { total }) => sum + total, 0))
      const scalars = updateInputs(options, step, learningRate)
      let loss = 0
      for (const [i, { size }] of batches.entries()) {
        const inputs = { ...prepared[i]?.inputs, total, key: Int32Array.from(keys[i] as Key) }
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
