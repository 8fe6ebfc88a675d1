import type { Backend } from "@vitrine/core"
import type { Communicator, RunStore, SavedRun, TrainEvent } from "@vitrine/trainer"
import type { RunPlan } from "./plan/fit.ts"
import type { PlaceSetup } from "./setup.ts"

/** The stored parts of a run that is now resumed. */
export interface ResumedRun {
  /** The content of `config.json`. */
  readonly config: unknown
  /** The newest undamaged checkpoint, or undefined if the run ended before its first one. */
  readonly checkpoint: SavedRun | undefined
  /** The faults of damaged checkpoints, a line each. */
  readonly damaged: readonly string[]
}

/** The place where a run is stored: a folder on disk, or the memory of a page. */
export interface RunPlace {
  /** Undefined for a new run. */
  readonly resumed: ResumedRun | undefined
  /** The path of the run folder, or null if there is none. */
  path(): string | null
  /** The store for events and checkpoints, or undefined if the run is not stored. */
  store(): RunStore | undefined
  /** The processes that train together, if there are several. */
  readonly ranks?: Communicator | undefined
  openBackend(): Promise<{ readonly backend: Backend; close(): Promise<void> }>
  /** @throws VitrineError (config) for a run that does not fit the memory */
  checkMemory?(plan: RunPlan, backend: string): Promise<void>
  /** Writes the `config.json` of a new run, or adds an engine to that of a resumed run: see `OpenRun`. */
  writeRecord: OpenRun["writeRecord"]
  /** Removes a new run. */
  discard(): Promise<void>
  close(): Promise<void>
}

/** The functions with which a task prepares itself. */
export interface OpenRun {
  readonly resumed: ResumedRun | undefined
  /** Closes something at the end of the run, in the reverse order of the calls. */
  closeLater(close: (() => Promise<void>) | undefined): void
  /** Opens the backend of the run. It is closed with the run, unless the caller owns it. */
  openBackend(): Promise<Backend>
  /**
   * Makes the run folder, or records a new engine in a resumed one.
   * @param engines the engines that have computed the run so far
   * @param config makes `config.json`, which names the engines
   * @param changed whether the record of a resumed run has changed otherwise
   */
  writeRecord(
    backend: Backend,
    engines: readonly string[],
    config: (engines: readonly string[]) => object,
    changed?: boolean,
  ): Promise<void>
}

/** The store of a training, its starting point, and the signal that ends it. */
export interface TrainingPlace {
  readonly store: RunStore | undefined
  readonly resume: SavedRun | undefined
  readonly signal: AbortSignal | undefined
  /** The processes that train together, if there are several. */
  readonly ranks?: Communicator | undefined
}

/** A task that is ready to train. */
export interface PreparedTask<Setup, Evaluation extends object> {
  readonly setup: Setup
  /** The training as a plan, in Node. */
  readonly plan: () => Promise<RunPlan>
  events(place: TrainingPlace): AsyncIterable<TrainEvent<Evaluation>>
}

/**
 * Trains any task from its options to its end. It lets the task prepare itself, yields the setup and the events of
 * training, and closes everything. A new run without a step is removed.
 */
export async function* runTask<Setup extends object, Evaluation extends object>(
  openPlace: () => Promise<RunPlace>,
  signal: AbortSignal | undefined,
  prepare: (run: OpenRun) => Promise<PreparedTask<Setup, Evaluation>>,
): AsyncGenerator<(PlaceSetup & Setup) | TrainEvent<Evaluation>, void, void> {
  const place = await openPlace()
  const { resumed } = place
  const closers: (() => Promise<void>)[] = []
  let begun = false
  try {
    let engine: string | undefined
    const { setup, events, plan } = await prepare({
      resumed,
      closeLater: (close) => void (close && closers.push(close)),
      async openBackend() {
        const { backend, close } = await place.openBackend()
        closers.push(close)
        engine = backend.name
        return backend
      },
      writeRecord: place.writeRecord,
    })
    if (engine !== undefined && place.checkMemory !== undefined) await place.checkMemory(await plan(), engine)
    yield {
      type: "setup",
      run: place.path(),
      resumed: resumed ? (resumed.checkpoint?.step ?? 0) : null,
      damaged: resumed?.damaged ?? [],
      ...setup,
    }
    for await (const event of events({
      store: place.store(),
      resume: resumed?.checkpoint,
      signal,
      ranks: place.ranks,
    })) {
      begun ||= event.type === "step"
      yield event
    }
  } catch (error) {
    if (!begun && resumed === undefined) await place.discard()
    throw error
  } finally {
    for (const close of closers.reverse()) await close()
    await place.close()
  }
}
