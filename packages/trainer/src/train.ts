import {
  type Backend,
  type HostData,
  keyFromSeed,
  type Parameter,
  parameterCount,
  programs,
  type State,
  VitrineError,
} from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import { isEvaluationDue, type RunStore, restoreTensors, type SavedRun, type SaveFacts, save } from "./checkpoint.ts"
import { evaluateBatches } from "./evaluate.ts"
import type { EvaluationEvent, StepEvent, TrainEvent } from "./events.ts"
import type { Evaluation } from "./metrics.ts"
import type { Objective, Sized } from "./objectives/objective.ts"
import type { TrainingOptions } from "./options.ts"
import { pace } from "./pace.ts"
import { allParameters, emaName, evaluationGraph, type Slots, stepOptionsOf, trainingSlots } from "./programs.ts"
import { type Block, blockOf, type Communicator, shareStart, type Start } from "./ranks.ts"
import { firstLossScale, leastLossScale, skippedSteps } from "./loss-scale.ts"
import { learningRate } from "./schedule.ts"
import { type StepperOptions, stepper } from "./stepper.ts"

/** Endless batches that can start at any position, such as the loaders of `@vitrine/data`. */
export interface BatchSource<B extends Sized = Batch> extends AsyncIterable<B> {
  readonly batchesPerEpoch: number
  /** Milliseconds in which the consumer waited for batches. */
  readonly waitedMs: number
  close(): Promise<void>
}

/** What the loop needs to train a model. */
export interface TrainInputs<B extends Sized = Batch, E extends object = Evaluation> {
  readonly backend: Backend
  /** The model's parameters. They are published. Parameters that the objective adds are only kept in checkpoints. */
  readonly parameters: readonly Parameter[]
  /** Starting values of the parameters, by name. Other parameters start at 0. A resumed run does not need them. */
  readonly initial?: Readonly<Record<string, Float32Array>> | undefined
  /** The objective, such as `classificationObjective`. */
  readonly objective: Objective<B, E>
  readonly options: TrainingOptions
  /**
   * Opens the training data after `consumed` micro-batches. They must be the same as in a run without interruption.
   * @param block the micro-batches of each step that this process takes, where ranks share them: only those come
   */
  readonly batches: (consumed: number, block?: Block) => Promise<BatchSource<B>>
  /**
   * Opens the evaluation data for one pass.
   * @param ranks where ranks share it, batches `rank`, `rank + size`, … alone come
   */
  readonly evaluation?: ((ranks?: Communicator) => Promise<AsyncIterable<B>>) | undefined
  /** Whether `evaluation` is a test split, which events then name. */
  readonly evaluatesTest?: boolean | undefined
  /** Steps between evaluations. There is always one at the end. */
  readonly evaluateEvery?: number | undefined
  /** The store for checkpoints and metrics, such as a run folder. */
  readonly store?: RunStore | undefined
  /** Steps between checkpoints. There is always one at the end. */
  readonly checkpointEvery?: number | undefined
  /** The checkpoint from which the run continues. */
  readonly resume?: SavedRun | undefined
  /** Ends the run after the current step, with a checkpoint. */
  readonly signal?: AbortSignal | undefined
  /**
   * The processes that train together. Rank 0 alone needs starting values and a checkpoint to resume, which the others
   * get from it, and it alone has a store. A signal to any of them ends all after the same step.
   */
  readonly ranks?: Communicator | undefined
  /** Further fields of the state of each checkpoint, as plain data. */
  readonly checkpointState?: (() => Readonly<Record<string, unknown>>) | undefined
}

/**
 * Trains a model. Each request for an event runs the loop until that event, so a consumer pauses the training by not
 * asking. The same inputs give the same numbers, whether or not the run was interrupted and resumed.
 * @throws VitrineError (training) if the loss or a parameter is not finite. Earlier checkpoints stay as they are.
 */
export async function* trainingLoop<B extends Sized = Batch, E extends object = Evaluation>(
  inputs: TrainInputs<B, E>,
): AsyncGenerator<TrainEvent<E>, void, void> {
  const { backend, parameters: published, initial = {}, objective, options, resume } = inputs
  const ranks = inputs.ranks?.size === 1 ? undefined : inputs.ranks
  const store = ranks === undefined || ranks.rank === 0 ? inputs.store : undefined
  // Ranks end together. One that waits for data is ended by the others' patience.
  const signal = ranks === undefined ? inputs.signal : undefined
  const { steps, accumulate, microBatches } = options
  /** The number of micro-batches of a step. */
  const count = accumulate * microBatches
  const parameters = allParameters(published, objective)
  if (ranks !== undefined && accumulate > 1)
    throw new VitrineError(
      "config",
      `ranks share micro-batches, and accumulate is of one process: in place of batches of B, ${accumulate} an update, take a batch of ${accumulate} · B and microBatches ${accumulate} (--batch-size, --micro-batches)`,
    )
  const block = ranks && blockOf(count, ranks)
  const own = block === undefined ? count : block.to - block.from
  const key = keyFromSeed(options.seed)
  const stepOptions: Omit<StepperOptions<B>, "skipped"> = {
    ...stepOptionsOf(objective, parameters, options),
    objective,
    accumulate,
    microBatches,
    ranks: ranks && block && { communicator: ranks, block },
    key,
  }
  const learning = parameterCount(stepOptions.groups.flatMap((group) => group.parameters))
  const start = performance.now()
  const slots: Slots = {
    ...Object.fromEntries(parameters.map(({ name, shape }) => [name, { shape, dtype: "float32" as const }])),
    ...trainingSlots(stepOptions),
  }
  const first = options.lossScaling ? { ...initial, ...firstLossScale } : initial
  const begin = (): Start => ({
    step: resume?.step ?? 0,
    isEvaluationDue: resume !== undefined && isEvaluationDue(resume),
    values: resume ? restoreTensors(resume, slots) : startingValues(first, slots),
  })
  const begun = ranks === undefined ? begin() : await shareStart(ranks, begin)
  const { values } = begun
  let { step } = begun

  const source = await inputs.batches(step * count, block)
  const { batchesPerEpoch } = source
  const stepping = stepper(backend, { ...stepOptions, skipped: skippedSteps(values) })
  const evaluator = programs(backend, evaluationGraph(objective.measure, stepOptions))
  let state: State | undefined
  try {
    const batches = source[Symbol.asyncIterator]()
    const arrive = (): Promise<readonly [B, ...B[]] | undefined> => unlessStuck(take(batches, own), signal)
    let next = step < steps ? await arrive() : undefined
    state = await backend.createState({ ...slots, ...(next && stepping.slots(next[0].size)) }, values)
    yield {
      type: "start",
      step,
      steps,
      stepsPerEpoch: batchesPerEpoch / count,
      parameters: learning,
      frozen: parameterCount(parameters) - learning,
      backend: backend.name,
      device: backend.device,
    }
    // The time for compiling does not count for the pace of steps.
    if (next) await stepping.compile(next[0].size)
    const speed = pace()
    let saved = step
    let ended = next === undefined
    const current = state
    const keep = (store: RunStore, facts: SaveFacts): Promise<{ readonly path: string }> =>
      save(store, current, slots, published, { ...facts, more: inputs.checkpointState?.() })
    /** The evaluation after a step, or undefined if the run is stopped while it waits for data. */
    const measured = async (pass: NonNullable<typeof inputs.evaluation>): Promise<E | undefined> => {
      const run = async (): Promise<E> =>
        evaluateBatches(evaluator, untilStuck(await pass(ranks), signal), objective.measure, current, undefined, ranks)
      return speed.aside(run).catch((error: unknown) => {
        if (error !== stuck) throw error
        return undefined
      })
    }
    const written = (evaluation: E): EvaluationEvent<E> => {
      const figures = Object.entries(evaluation).filter(([, value]) => typeof value === "number")
      const split = inputs.evaluatesTest === true ? ({ split: "test" } as const) : {}
      store?.appendMetrics({ type: "evaluation", step, ...split, ...Object.fromEntries(figures) })
      return { type: "evaluation", step, ...split, ...evaluation }
    }
    const scores = (evaluation: E): { readonly score: number | null; readonly loss: number | null } => ({
      score: objective.measure.score(evaluation),
      loss: objective.measure.loss?.(evaluation) ?? null,
    })
    if (inputs.evaluation && begun.isEvaluationDue) {
      const evaluation = await measured(inputs.evaluation)
      if (evaluation === undefined) ended = true
      else {
        yield written(evaluation)
        if (store) {
          const { path } = await speed.aside(() => keep(store, { step, ...scores(evaluation) }))
          yield { type: "checkpoint", step, path }
        }
      }
    }
    while (!ended) {
      const micro = next ?? (await arrive())
      next = undefined
      if (micro === undefined) {
        // The run was stopped while it waited for data.
        if (store && step > saved) {
          const { path } = await keep(store, { step, score: null, loss: null })
          yield { type: "checkpoint", step, path }
        }
        break
      }
      const rate = learningRate(options.learningRate, options.schedule, step, steps)
      const { result, stopping } = await stepping.run(state, micro, step, rate, inputs.signal?.aborted === true)
      step++
      if (!Number.isFinite(result.loss)) throw notFinite(result.loss, step, rate)
      if (result.skipped && (result.lossScale ?? 1) < leastLossScale)
        throw new VitrineError("training", `step ${step}: gradients are not finite at any scale of the loss`)
      speed.step()
      const event: StepEvent = {
        type: "step",
        step,
        epoch: (step * count) / batchesPerEpoch,
        ...result,
        learningRate: rate,
        imagesPerSecond: ((count / own) * micro.reduce((n, { size }) => n + size, 0)) / speed.secondsPerStep,
        waiting: source.waitedMs / (performance.now() - start),
        eta: speed.secondsPerStep * (steps - step),
      }
      store?.appendMetrics({ ...event })
      yield event

      await turn()
      ended = step >= steps || signal?.aborted === true || (ranks !== undefined && stopping)
      const due = (every = steps): boolean => step >= steps || step % every === 0
      let score: number | null = null
      let loss: number | null = null
      if (inputs.evaluation && due(inputs.evaluateEvery)) {
        // If the evaluation fails, the steps before it are saved. The resumed run then begins with the evaluation.
        const unevaluated = { step, score, loss, isDue: true }
        const evaluation = await measured(inputs.evaluation).catch(async (error: unknown) => {
          if (store) await keep(store, unevaluated).catch(() => {})
          throw error
        })
        if (evaluation === undefined) {
          if (store) yield { type: "checkpoint", ...(await keep(store, unevaluated)), step }
          break
        }
        ;({ score, loss } = scores(evaluation))
        yield written(evaluation)
      }
      if (store && (ended || due(inputs.checkpointEvery))) {
        const { path } = await speed.aside(() => keep(store, { step, score, loss }))
        saved = step
        yield { type: "checkpoint", step, path }
      }
    }
    yield { type: "end", step, finished: step >= steps, seconds: (performance.now() - start) / 1000 }
  } finally {
    await source.close()
    await stepping.dispose()
    await evaluator.dispose()
    await state?.dispose()
  }
}

/** The starting values of all slots. An average starts at the value of its parameter. */
function startingValues(initial: Readonly<Record<string, Float32Array>>, slots: Slots): Record<string, HostData> {
  const values: Record<string, HostData> = { ...initial }
  for (const [name, data] of Object.entries(initial))
    if (Object.hasOwn(slots, emaName(name))) values[emaName(name)] = data
  return values
}

/**
 * Lets timers and signals run. If a backend computes on this thread and the data are always ready, Node would otherwise
 * handle neither until the last step. In a page, backends wait for a device or another thread anyway.
 */
async function turn(): Promise<void> {
  const { setImmediate }: { setImmediate?: (run: () => void) => unknown } = globalThis
  if (setImmediate !== undefined) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** Takes the next `count` batches, at least one. */
async function take<B>(batches: AsyncIterator<B>, count: number): Promise<readonly [B, ...B[]]> {
  const next = async (): Promise<B> => {
    const result = await batches.next()
    if (result.done) throw new VitrineError("training", "the training data ended before the last step")
    return result.value
  }
  const first = await next()
  const rest: B[] = []
  while (rest.length < count - 1) rest.push(await next())
  return [first, ...rest]
}

/** The time in milliseconds for which a stopped run still waits for a batch. */
const patience = 2000

/**
 * The value of a promise, or undefined if there is none two seconds after the signal. Data may be stuck, such as on a
 * network disk.
 */
async function unlessStuck<T>(coming: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (signal === undefined) return coming
  let timer: ReturnType<typeof setTimeout> | undefined
  let wait = (): void => {}
  const late = new Promise<undefined>((resolve) => {
    wait = () => (timer = setTimeout(resolve, patience, undefined))
  })
  if (signal.aborted) wait()
  else signal.addEventListener("abort", wait, { once: true })
  try {
    return await Promise.race([coming, late])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener("abort", wait)
    coming.catch(() => {})
  }
}

const stuck = new Error("the data are stuck")

/** Batches, or the error `stuck`. */
async function* untilStuck<B>(batches: AsyncIterable<B>, signal: AbortSignal | undefined): AsyncGenerator<B> {
  const iterator = batches[Symbol.asyncIterator]()
  try {
    for (;;) {
      const result = await unlessStuck(iterator.next(), signal)
      if (result === undefined) throw stuck
      if (result.done) return
      yield result.value
    }
  } finally {
    await iterator.return?.()
  }
}

function notFinite(loss: number, step: number, rate: number): VitrineError {
  return new VitrineError(
    "training",
    `step ${step}: the loss is ${loss} at a learning rate of ${rate.toPrecision(3)}; ` +
      "start a new run with a lower rate, a longer warm-up or clipped gradients (--lr, --warmup, --clip); " +
      "it can begin with this run's last checkpoint (--from RUN/checkpoints/step-…)",
  )
}
