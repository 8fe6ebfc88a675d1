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
import type { Inputs, Objective, Prepared, Share, Sized } from "./objectives/objective.ts"
import {
  accumulatorSlots,
  gradientsGraph,
  mergeGraph,
  mergeInputs,
  type StepOptions,
  stepGraph,
  stepKey,
  updateGraph,
  updateInputs,
} from "./programs.ts"
import { type Block, type Communicator, sumSlots } from "./ranks.ts"
import { pairwise, sumOrder } from "./sum-order.ts"

export interface StepResult {
  readonly loss: number
  /** Norm of all gradients before clipping, if it was computed. */
  readonly gradientNorm?: number
  /** The factor by which the loss was scaled, if it was. */
  readonly lossScale?: number
  /** Present if the scaled gradients overflowed. Then nothing was updated. */
  readonly skipped?: true
}

/** The result of a step, and whether any rank wants to end after it. */
export interface RankedResult {
  readonly result: StepResult
  readonly stopping: boolean
}

/** Does one training step on its micro-batches. `step` counts from 0. */
export interface Stepper<B> {
  /**
   * Slots that the state needs besides those of the training, for batches of a size. A step that is cut in two carries
   * values in them from one part to the other. Call this before the first step.
   */
  slots(size: number): Readonly<Record<string, TensorType>>
  /** Compiles the programs for batches of a size. Without this call they are compiled at the first step. */
  compile(size: number): Promise<void>
  /**
   * @param batches this process's micro-batches
   * @param stopping whether the run is to end after this step, as far as this process knows
   */
  run(state: State, batches: readonly B[], step: number, learningRate: number, stopping: boolean): Promise<RankedResult>
  dispose(): Promise<void>
}

export interface StepperOptions<B extends Sized> extends StepOptions {
  readonly objective: Pick<Objective<B>, "rows" | "share" | "prepare" | "hostInputs">
  readonly accumulate: number
  readonly microBatches: number
  readonly key: Key
  /** The processes that share each step, if there are several, and the block of micro-batches of this one. */
  readonly ranks?: { readonly communicator: Communicator; readonly block: Block } | undefined
  /** Number of steps that were skipped before the start. The optimizer does not count them. */
  readonly skipped: number
}

/**
 * Runs training steps. A step of one batch is one program. A step of micro-batches is several: one adds the gradients of
 * a micro-batch to accumulators, others merge accumulators, and the last one updates.
 */
export function stepper<B extends Sized>(backend: Backend, options: StepperOptions<B>): Stepper<B> {
  const { accumulate, microBatches, key, objective, ranks } = options
  const count = accumulate * microBatches
  const { sum } = sumOrder(options)
  const { from, to } = ranks?.block ?? { from: 0, to: count }
  const { levels, merges } = ranks === undefined ? sumOrder(options) : pairwise(to - from)
  /** Values of all micro-batches of the step, in their order. */
  const ofAll = async <T>(own: readonly T[]): Promise<readonly T[]> =>
    ranks === undefined ? own : (await ranks.communicator.gather(own)).flat()
  const whole = count === 1 ? stepGraph(options) : gradientsGraph(options)
  const { hostInputs } = objective
  const backward = hostInputs === undefined ? uncut(backend, whole) : halves(backend, whole, hostInputs)
  const factors = mergeInputs(options)
  const top = accumulatorSlots(options, [levels - 1])
  let later: Promise<{ readonly merging: readonly Program[]; readonly update: Program }> | undefined
  const compileLater = async (): Promise<Awaited<NonNullable<typeof later>>> => {
    const merging: Program[] = []
    for (let level = 0; level < levels - 1; level++) merging.push(await backend.compile(mergeGraph(options, level)))
    return { merging, update: await backend.compile(updateGraph(options, levels - 1)) }
  }
  let { skipped } = options
  const counted = (result: StepResult): StepResult => {
    if (result.skipped) skipped++
    return result
  }
  return {
    slots: (size) => ({
      ...(count === 1 ? {} : accumulatorSlots(options, [...Array(levels).keys()])),
      ...backward.slots(size),
    }),
    async compile(size) {
      await backward.compile(size)
      if (count > 1) await (later ??= compileLater())
    },
    async run(state, batches, step, learningRate, stopping) {
      const { share } = objective
      const shares = share === undefined ? [] : await ofAll(batches.map((batch) => share(batch)))
      const parts: { readonly batch: B; readonly prepared: Prepared; readonly key: Key }[] = []
      for (const [i, batch] of batches.entries()) {
        const batchKey = stepKey(key, step * count + from + i)
        parts.push({ batch, prepared: await objective.prepare(batch, batchKey, shares), key: batchKey })
      }
      const total = Float32Array.of(sum(await ofAll(parts.map(({ prepared }) => prepared.total))) || 1)
      const scalars = updateInputs(options, step - skipped, learningRate)
      const losses: number[] = []
      for (const [i, { batch, prepared, key }] of parts.entries()) {
        const inputs = { ...prepared.inputs, total, key: Int32Array.from(key) }
        const outputs = await backward.run(count === 1 ? { ...inputs, ...scalars } : inputs, state, batch, shares)
        const loss = outputs.loss?.data[0] ?? Number.NaN
        if (count === 1) return { result: counted(stepResult(loss, outputs)), stopping }
        losses.push(loss)
        const { merging } = await (later ??= compileLater())
        for (const merge of merging.slice(0, merges[i] ?? 0)) await merge.run(factors, state)
      }
      const { update } = await (later ??= compileLater())
      if (ranks !== undefined) await sumSlots(ranks.communicator, state, top)
      const all = ranks === undefined ? [{ losses, stopping }] : await ranks.communicator.gather({ losses, stopping })
      const loss = sum(all.flatMap((each) => each.losses))
      const result = counted(stepResult(loss, await update.run(scalars, state)))
      return { result, stopping: all.some((each) => each.stopping) }
    },
    async dispose() {
      await backward.dispose()
      const { merging = [], update } = (await later) ?? {}
      for (const program of merging) await program.dispose()
      await update?.dispose()
    },
  }
}

function stepResult(loss: number, { gradientNorm, lossScale }: Awaited<ReturnType<Program["run"]>>): StepResult {
  const norm = gradientNorm?.data[0]
  const scale = lossScale?.data[0]
  const scaled = scale === undefined ? {} : { lossScale: scale }
  if (norm === undefined) return { loss }
  return scale !== undefined && !Number.isFinite(norm)
    ? { loss, ...scaled, skipped: true }
    : { loss, gradientNorm: norm, ...scaled }
}

/** Runs the graph of a step. */
interface Runner<B> {
  slots(size: number): Readonly<Record<string, TensorType>>
  compile(size: number): Promise<unknown>
  run(inputs: Inputs, state: State, batch: B, shares: readonly Share[]): Promise<Readonly<Record<string, HostTensor>>>
  dispose(): Promise<void>
}

function uncut(backend: Backend, whole: Graph): Runner<Sized> {
  const compiled = programs(backend, whole)
  return {
    slots: () => ({}),
    compile: compiled.at,
    run: async (inputs, state, { size }) => (await compiled.at(size)).run(inputs, state),
    dispose: compiled.dispose,
  }
}

/**
 * Runs a step that is cut in two programs. The host computes between them. The slots that connect the programs fit
 * batches of one size.
 */
function halves<B extends Sized>(
  backend: Backend,
  whole: Graph,
  hostInputs: NonNullable<Objective<B>["hostInputs"]>,
): Runner<B> {
  const hostValues = Object.keys(whole.outputs).filter(
    (name) => name !== "loss" && name !== "gradientNorm" && name !== "lossScale",
  )
  let parts: { readonly size: number; readonly graphs: Halves } | undefined
  let compiled: Promise<readonly [Program, Program]> | undefined
  const compile = ({ first, second }: Halves): Promise<readonly [Program, Program]> =>
    (compiled ??= Promise.all([backend.compile(first), backend.compile(second)]))
  return {
    slots(size) {
      parts = { size, graphs: cut(whole, hostValues, size) }
      return parts.graphs.saved
    },
    compile: async () => parts && compile(parts.graphs),
    async run(inputs, state, batch, shares) {
      if (parts?.size !== batch.size)
        throw new VitrineError(
          "training",
          `a batch of ${batch.size} among batches of ${parts?.size}: this objective needs batches of one size`,
        )
      const [forward, backward] = await compile(parts.graphs)
      const values = await forward.run(inputs, state)
      return backward.run({ ...inputs, ...(await hostInputs(values, batch, shares)) }, state)
    },
    async dispose() {
      for (const program of (await compiled) ?? []) await program.dispose()
    },
  }
}
