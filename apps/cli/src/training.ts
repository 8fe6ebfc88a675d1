import { type RunSetup, type TrainEvent, type TrainOptions, VitrineError } from "vitrine"
import { choose } from "./backends.ts"
import { interruption } from "./interruption.ts"
import { type EngineFlags, engineOptions } from "./options.ts"
import { note, print, whenReaderLeaves } from "./output.ts"
import { type Reporter, reporter, type Told } from "./show/progress.ts"
import { type Ending, showResult } from "./show/result.ts"
import type { TrainFlags } from "./train-options.ts"

/** What a run is gone on with. */
export type Resumption = Pick<
  TrainOptions,
  "data" | "workers" | "keepLast" | "checkpointEvery" | "resume" | "out" | "backend" | "signal"
>

/** How a run is resumed, where the flags say so. */
export function resumption({ resume, data, workers, keepLast, checkpointEvery }: TrainFlags): Resumption {
  return { resume, data, workers, keepLast, checkpointEvery }
}

/** How models of one kind are trained, from options that none of its own are needed in to resume. */
export type Train<O, S, E extends object> = (options: O | Resumption) => AsyncIterable<S | TrainEvent<E>>

/** What `vitrine train` does for one kind of model. */
export interface Task<O, S, E extends object> {
  readonly train: Train<O, S, E>
  readonly told: Told<S, E>
  readonly ending: Ending
}

/** Trains as the flags say; gives the exit code. */
export async function trainWithProgress<O extends Resumption, S extends RunSetup, E extends object>(
  { train, told, ending }: Task<O, S, E>,
  options: O,
  run: string,
  flags: TrainFlags,
): Promise<number> {
  const finished = await trainTo(train, options, flags, flags.json ? jsonReporter(run) : reporter(run, told))
  if (!finished) return 130
  if (!flags.json) await showResult(run, ending)
  return 0
}

/**
 * Trains, saves and reports, until the end or a signal. Where a device is lost, it goes on from the last checkpoint on a
 * new one.
 * @returns whether all steps were taken.
 */
export async function trainTo<O extends Resumption, S extends RunSetup, E extends object>(
  train: Train<O, S, E>,
  options: O,
  flags: EngineFlags & Pick<TrainFlags, "backend">,
  report: Reporter<S, E>,
): Promise<boolean> {
  const interrupted = interruption(report.stopping)
  whenReaderLeaves(interrupted.stop)
  const { signal } = interrupted
  const { data, workers, keepLast, checkpointEvery, resume = options.out } = options
  let next: O | Resumption = { ...options, signal }
  try {
    for (;;) {
      const { finished, lost } = await trainOnce(train, next, flags, report)
      if (lost === undefined) return finished
      note(`vitrine: ${lost.message}: that is done now`)
      next = { data, workers, keepLast, checkpointEvery, signal, resume }
    }
  } finally {
    report.close()
    interrupted.close()
  }
}

/** Trains on one backend, until the end, a signal or, once a step was taken, the loss of its device. */
async function trainOnce<O extends Resumption, S extends RunSetup, E extends object>(
  train: Train<O, S, E>,
  options: O | Resumption,
  flags: EngineFlags & Pick<TrainFlags, "backend">,
  report: Reporter<S, E>,
): Promise<{ readonly finished: boolean; readonly lost?: VitrineError }> {
  const { backend, passedOver } = await choose(flags.backend, engineOptions(flags))
  let finished = false
  let steps = 0
  try {
    for await (const event of train({ ...options, backend })) {
      if (event.type === "setup") checkScaled(event, flags)
      report.event(event, passedOver)
      if (event.type === "step") steps++
      if (event.type === "end") finished = event.finished
    }
    return { finished }
  } catch (error) {
    if (VitrineError.isInstance(error) && error.kind === "device" && steps > 0) return { finished, lost: error }
    throw error
  } finally {
    await backend.close()
  }
}

function checkScaled({ run, recipe }: RunSetup, { precision }: EngineFlags): void {
  if (precision === "float16" && !recipe.training.lossScaling)
    throw new VitrineError("config", `${run}: its recipe has no lossScaling, which --precision float16 needs`)
}

/** Each event as a line of JSON. */
function jsonReporter(run: string): Reporter<object, object> {
  return {
    event: (event) => print(JSON.stringify(event)),
    stopping: () =>
      process.stderr.write(`vitrine: stopping after this step; resume with: vitrine train --resume ${run}\n`),
    close: () => {},
  }
}
