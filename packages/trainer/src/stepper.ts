import {
  type Backend,
  cut,
  type Graph,
  type Halves,
  type HostTensor,
  type Key,
  type Program,
  programs,
  type State,
  type TensorType,
  VitrineError,
} from "@vitrine/core"
import type { Inputs, Objective, Prepared, Sized } from "./objectives/objective.ts"
import { gradientsGraph, type StepOptions, stepGraph, stepKey, updateGraph, updateInputs } from "./programs.ts"

export interface StepResult {
  readonly loss: number
  /** Norm of all gradients before clipping, where it was computed. */
  readonly gradientNorm?: number
  /** What the loss was multiplied by for its gradients, where it is scaled. */
  readonly lossScale?: number
  /** That those gradients overflowed, so that nothing was updated. */
  readonly skipped?: true
}

/** Takes one step on the batches that make it up; `step` counts from 0. */
export interface Stepper<B> {
  /**
   * Slots that the state needs besides the training's, for batches of a size, to be asked for before the first step: what a
   * step that is cut in two hands on.
   */
  slots(size: number): Readonly<Record<string, TensorType>>
  run(state: State, batches: readonly B[], step: number, learningRate: number): Promise<StepResult>
  dispose(): Promise<void>
}

export interface StepperOptions<B extends Sized> extends StepOptions {
  readonly objective: Pick<Objective<B>, "rows" | "prepare" | "between">
  readonly accumulate: number
  readonly key: Key
  /** Steps that were skipped before: the optimizer counts those that it took. */
  readonly skipped: number
}

/**
 * One program for the whole step, or with accumulation two: one that adds up gradients and one that updates from them.
 * They are compiled at the first step.
 */
export function stepper<B extends Sized>(backend: Backend, options: StepperOptions<B>): Stepper<B> {
  const { accumulate, key, objective } = options
  const whole = accumulate === 1 ? stepGraph(options) : gradientsGraph(options)
  const backward = objective.between === undefined ? uncut(backend, whole) : halves(backend, whole, objective.between)
  let update: Promise<Program> | undefined
  let { skipped } = options
  const noted = (result: StepResult): StepResult => {
    if (result.skipped) skipped++
    return result
  }
  const number = (data: ArrayLike<number> | undefined): number => data?.[0] ?? Number.NaN
  return {
    slots: backward.slots,
    async run(state, batches, step, learningRate) {
      const keys = batches.map((_, i) => stepKey(key, step * accumulate + i))
      const prepared: Prepared[] = []
      for (const [i, batch] of batches.entries()) prepared.push(await objective.prepare(batch, keys[i] as Key))
      const total = Float32Array.of(prepared.reduce((sum, { total }) => sum + total, 0))
      const scalars = updateInputs(options, step - skipped, learningRate)
      let loss = 0
      for (const [i, batch] of batches.entries()) {
        const inputs = { ...prepared[i]?.inputs, total, key: Int32Array.from(keys[i] as Key) }
        const result = await backward.run(accumulate === 1 ? { ...inputs, ...scalars } : inputs, state, batch)
        loss += number(result.loss?.data)
        if (accumulate === 1) return noted(told(loss, result))
      }
      update ??= backend.compile(updateGraph(options))
      const result = await (await update).run(scalars, state)
      return noted(told(loss, result))
    },
    async dispose() {
      await backward.dispose()
      await (await update)?.dispose()
    },
  }
}

function told(loss: number, { gradientNorm, lossScale }: Awaited<ReturnType<Program["run"]>>): StepResult {
  const norm = gradientNorm?.data[0]
  const scale = lossScale?.data[0]
  const scaled = scale === undefined ? {} : { lossScale: scale }
  if (norm === undefined) return { loss }
  return scale !== undefined && !Number.isFinite(norm)
    ? { loss, ...scaled, skipped: true }
    : { loss, gradientNorm: norm, ...scaled }
}

/** The program of a step. */
interface Runner<B> {
  slots(size: number): Readonly<Record<string, TensorType>>
  run(inputs: Inputs, state: State, batch: B): Promise<Readonly<Record<string, HostTensor>>>
  dispose(): Promise<void>
}

function uncut(backend: Backend, whole: Graph): Runner<Sized> {
  const compiled = programs(backend, whole)
  return {
    slots: () => ({}),
    run: async (inputs, state, { size }) => (await compiled.at(size)).run(inputs, state),
    dispose: compiled.dispose,
  }
}

/** Two programs, and the host in between. What one hands on to the other has slots for batches of one size. */
function halves<B extends Sized>(
  backend: Backend,
  whole: Graph,
  between: NonNullable<Objective<B>["between"]>,
): Runner<B> {
  const seen = Object.keys(whole.outputs).filter(
    (name) => name !== "loss" && name !== "gradientNorm" && name !== "lossScale",
  )
  let parts: { readonly size: number; readonly graphs: Halves } | undefined
  let compiled: Promise<readonly [Program, Program]> | undefined
  return {
    slots(size) {
      parts = { size, graphs: cut(whole, seen, size) }
      return parts.graphs.saved
    },
    async run(inputs, state, batch) {
      if (parts?.size !== batch.size)
        throw new VitrineError(
          "training",
          `a batch of ${batch.size} among batches of ${parts?.size}: this objective needs batches of one size`,
        )
      const { first, second } = parts.graphs
      compiled ??= Promise.all([backend.compile(first), backend.compile(second)])
      const [forward, rest] = await compiled
      const shown = await forward.run(inputs, state)
      return rest.run({ ...inputs, ...(await between(shown, batch)) }, state)
    },
    async dispose() {
      for (const program of (await compiled) ?? []) await program.dispose()
    },
  }
}
