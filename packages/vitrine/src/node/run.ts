import { cpus } from "node:os"
import { createRun, type ResumedRun, resumeRun } from "@vitrine/checkpoint/node"
import type { Backend } from "@vitrine/core"
import type { RunStore, SavedRun, TrainEvent } from "@vitrine/trainer"
import type { RunSetup } from "../setup.ts"
import { createBackend } from "./backends.ts"

/** Where a run is written and what computes it, whatever it learns. */
export interface RunOptions {
  /** The run folder to make; without one nothing is written. */
  readonly out?: string | undefined
  /** The run folder to go on with, by the data and the recipe that are written there. */
  readonly resume?: string | undefined
  /** A name, or a backend that is yours to close; `auto` by default. */
  readonly backend?: string | Backend | undefined
  /** Decides initialisation, order, augmentation and dropout; 0 by default. */
  readonly seed?: number | undefined
  /** Threads of the engine. */
  readonly threads?: number | undefined
  /** Share that is held out where the data have no validation set, of each class where there are classes; 0.1 by default. */
  readonly valFraction?: number | undefined
  /** Newest checkpoints that are kept beside the best one. */
  readonly keepLast?: number | undefined
  /** Steps between checkpoints; with each evaluation by default. */
  readonly checkpointEvery?: number | undefined
  /** Ends the run after the step that is under way, with a checkpoint. */
  readonly signal?: AbortSignal | undefined
}

/** What a task prepares itself with. */
interface OpenRun {
  readonly resumed: ResumedRun | undefined
  /** What is open until the run ends; the last is closed first. */
  closeLater(close: (() => Promise<void>) | undefined): void
  /** The backend that was asked for; one that this makes is closed with the run. */
  openBackend(): Promise<Backend>
  /**
   * Makes the run folder, or writes down in a resumed one that another engine goes on.
   * @param engines what has computed the run so far
   * @param config `config.json`, which names the engines
   */
  writeRecord(
    backend: Backend,
    engines: readonly string[],
    config: (engines: readonly string[]) => object,
  ): Promise<void>
}

/** Where training writes, from where it goes on, and what ends it. */
interface TrainingPlace {
  readonly store: RunStore | undefined
  readonly resume: SavedRun | undefined
  readonly signal: AbortSignal | undefined
}

/** What of the first event is known without the task. */
type Place = Pick<RunSetup, "type" | "run" | "resumed" | "damaged">

/** What a task has prepared: what it tells of itself, and what then trains. */
interface Prepared<S, E extends object> {
  readonly setup: S
  events(run: TrainingPlace): AsyncIterable<TrainEvent<E>>
}

/**
 * Carries out a run from the options to the end: opens its folder, lets the task prepare itself, yields the setup and the
 * events of training, and closes everything. A new folder is removed again where no step was taken.
 */
export async function* runTask<S extends object, E extends object>(
  options: RunOptions,
  prepare: (run: OpenRun) => Promise<Prepared<S, E>>,
): AsyncGenerator<(Place & S) | TrainEvent<E>, void, void> {
  const folder = options.keepLast === undefined ? {} : { keepLast: options.keepLast }
  const resumed = options.resume === undefined ? undefined : await resumeRun(options.resume, folder)
  const closing: (() => Promise<void>)[] = []
  let run = resumed?.run
  let begun = false
  try {
    const { setup, events } = await prepare({
      resumed,
      closeLater: (close) => void (close && closing.push(close)),
      async openBackend() {
        if (typeof options.backend === "object") return options.backend
        const threads = options.threads === undefined ? {} : { threads: options.threads }
        const backend = await createBackend(options.backend, threads)
        closing.push(backend.close)
        return backend
      },
      async writeRecord(backend, engines, config) {
        const engine = `${backend.device}, ${cpus()[0]?.model ?? process.arch}`
        if (run === undefined) {
          if (options.out !== undefined) run = await createRun(options.out, config([engine]), folder)
        } else if (engines.at(-1) !== engine) await run.writeConfig(config([...engines, engine]))
      },
    })
    yield {
      type: "setup",
      run: run?.path ?? null,
      resumed: resumed ? (resumed.checkpoint?.step ?? 0) : null,
      damaged: resumed?.damaged.map(({ message }) => message) ?? [],
      ...setup,
    }
    const resume = resumed?.checkpoint ?? undefined
    for await (const event of events({ store: run, resume, signal: options.signal })) {
      begun ||= event.type === "step"
      yield event
    }
  } catch (error) {
    if (!begun && resumed === undefined) await run?.discard()
    throw error
  } finally {
    for (const close of closing.reverse()) await close()
    await run?.close()
  }
}
