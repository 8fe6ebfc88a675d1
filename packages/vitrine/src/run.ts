import type { Backend } from "@vitrine/core"
import type { RunStore, SavedRun, TrainEvent } from "@vitrine/trainer"
import type { PlaceSetup } from "./setup.ts"

/** What a run left behind that now goes on. */
export interface ResumedRun {
  /** `config.json` as it stands. */
  readonly config: unknown
  /** The newest sound checkpoint; undefined for a run that ended before its first one. */
  readonly checkpoint: SavedRun | undefined
  /** What is wrong with checkpoints that were passed over. */
  readonly damaged: readonly string[]
}

/** Where a run is kept: a folder on a disk, or a page's memory. */
export interface RunPlace {
  /** Undefined for a new run. */
  readonly resumed: ResumedRun | undefined
  /** The run folder; null without one. */
  path(): string | null
  /** Where events and checkpoints go; undefined for a run that is not kept. */
  store(): RunStore | undefined
  openBackend(): Promise<{ readonly backend: Backend; close(): Promise<void> }>
  /** Writes `config.json` of a new run, or adds an engine to that of one that goes on: see `OpenRun`. */
  writeRecord: OpenRun["writeRecord"]
  /** Removes a new run. */
  discard(): Promise<void>
  close(): Promise<void>
}

/** What a task prepares itself with. */
export interface OpenRun {
  readonly resumed: ResumedRun | undefined
  /** Closes something at the end of the run; what is added last is closed first. */
  closeLater(close: (() => Promise<void>) | undefined): void
  /** Opens the backend of the run, which is closed with it unless the caller owns it. */
  openBackend(): Promise<Backend>
  /**
   * Makes the run folder, or notes in a resumed one that another engine goes on.
   * @param engines the engines that have computed the run so far
   * @param config makes `config.json`, which names the engines
   */
  writeRecord(
    backend: Backend,
    engines: readonly string[],
    config: (engines: readonly string[]) => object,
  ): Promise<void>
}

/** Where training writes, where it starts, and what ends it. */
export interface TrainingPlace {
  readonly store: RunStore | undefined
  readonly resume: SavedRun | undefined
  readonly signal: AbortSignal | undefined
}

/** A task that is ready to train. */
export interface PreparedTask<Setup, Evaluation extends object> {
  readonly setup: Setup
  events(place: TrainingPlace): AsyncIterable<TrainEvent<Evaluation>>
}

/**
 * Trains any task, from the options to the end: lets the task prepare itself, yields the setup and the events of training,
 * and closes everything. A new run without a step is removed.
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
    const { setup, events } = await prepare({
      resumed,
      closeLater: (close) => void (close && closers.push(close)),
      async openBackend() {
        const { backend, close } = await place.openBackend()
        closers.push(close)
        return backend
      },
      writeRecord: place.writeRecord,
    })
    yield {
      type: "setup",
      run: place.path(),
      resumed: resumed ? (resumed.checkpoint?.step ?? 0) : null,
      damaged: resumed?.damaged ?? [],
      ...setup,
    }
    for await (const event of events({ store: place.store(), resume: resumed?.checkpoint, signal })) {
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
