import { existsSync } from "node:fs"
import type { Communicator } from "@vitrine/trainer"
import { type RecipeRule, type RunSetup, type TrainEvent, type TrainOptions, VitrineError } from "vitrine"
import { choose } from "./backends.ts"
import { UsageError } from "./errors.ts"
import { type EngineValues, engineOptions, type MachineValues } from "./flags/machine.ts"
import type { TrainValues } from "./flags/train.ts"
import { interruption } from "./interruption.ts"
import { currentIo, note, print, self } from "./output.ts"
import { type Reporter, reporter, type RunTexts } from "./show/progress.ts"
import { type Ending, showResult } from "./show/result.ts"
import { printable, quoted } from "./show/text.ts"
import type { TrainPart } from "./tasks/task.ts"

/** The options of resuming a run. */
export type ResumeOptions = Pick<
  TrainOptions,
  | "data"
  | "workers"
  | "strict"
  | "keepLast"
  | "checkpointEvery"
  | "steps"
  | "epochs"
  | "resume"
  | "takeOver"
  | "out"
  | "backend"
  | "signal"
  | "memory"
  | "ranks"
>

/** Trains a model of one task, or resumes a run. The options of resuming are the same for all tasks. */
export type Train<O, S, E extends object> = (options: O | ResumeOptions) => AsyncIterable<S | TrainEvent<E>>

/** The training of models of one task. */
interface Training<V extends TrainValues, O, S, E extends object> extends Pick<TrainPart, "objectives" | "flags"> {
  /** The value of `--data` that means built-in data. */
  readonly builtIn?: string
  options(flags: V, recipe: object | RecipeRule): O | Promise<O>
  readonly train: Train<O, S, E>
  readonly texts: RunTexts<S, E>
  readonly ending: Ending
}

/** Makes the part of `vitrine train` for a task. */
export function defineTraining<V extends TrainValues, O extends ResumeOptions, S extends RunSetup, E extends object>({
  builtIn,
  options,
  train,
  texts,
  ending,
  ...part
}: Training<V, O, S, E>): TrainPart {
  const trainAndShow = async (options: O | ResumeOptions, run: string, flags: TrainValues): Promise<number> => {
    const report = flags.json ? jsonReporter(run) : reporter(run, texts)
    if (!(await trainTo(train, options, flags, report))) return 130
    if (!flags.json && (options.ranks?.rank ?? 0) === 0) await showResult(run, ending)
    return 0
  }
  return {
    ...part,
    async begin(flags: V, recipe, out, ranks?: Communicator) {
      const { data, steps, epochs, seed, valFraction, keepLast, checkpointEvery, memory } = flags
      if (data === undefined)
        throw new UsageError(
          `train needs --data PATH${builtIn === undefined ? "" : ` (or --data ${builtIn})`}, or --resume RUN`,
        )
      if (steps !== undefined && epochs !== undefined) throw new UsageError("give --steps or --epochs, not both")
      const run = { data, out, seed, valFraction, keepLast, checkpointEvery, memory, ranks }
      return trainAndShow({ ...(await options(flags, recipe)), ...run }, out, flags)
    },
    async planned(flags: V, recipe) {
      const { data, seed, valFraction } = flags
      return { ...(await options(flags, recipe)), data, seed, valFraction }
    },
    async resume(
      flags: TrainValues & { readonly workers?: number; readonly strict?: true },
      resume,
      ranks?: Communicator,
    ) {
      const { takeOver, data, workers, strict, keepLast, checkpointEvery, steps, epochs, memory } = flags
      if (steps !== undefined && epochs !== undefined) throw new UsageError("give --steps or --epochs, not both")
      const run = { resume, takeOver, data, workers, strict, keepLast, checkpointEvery, steps, epochs, memory, ranks }
      return trainAndShow(run, resume, flags)
    },
  }
}

/** The first of `path-1`, `path-2` … that does not exist. */
export function freeFolder(path: string): string {
  for (let n = 1; n < 1e6; n++) if (!existsSync(`${path}-${n}`)) return `${path}-${n}`
  throw new VitrineError("file", `${path}-1000000: there are too many runs; name one with --out`)
}

/**
 * Trains, saves and reports, until the end or a signal. After the loss of a device it continues from the last
 * checkpoint on a new device.
 * @returns whether all steps are done
 */
export async function trainTo<O extends ResumeOptions, S extends RunSetup, E extends object>(
  train: Train<O, S, E>,
  options: O | ResumeOptions,
  flags: EngineValues & Pick<MachineValues, "backend">,
  report: Reporter<S, E>,
): Promise<boolean> {
  const interrupted = interruption(report.stopping)
  currentIo().whenReaderLeaves(interrupted.stop)
  const { signal } = interrupted
  const { data, workers, strict, keepLast, checkpointEvery, memory, resume = options.out } = options
  let next: O | ResumeOptions = { ...options, signal }
  try {
    for (;;) {
      const { finished, lost } = await trainOnce(train, next, flags, report)
      if (lost === undefined) return finished
      if (options.ranks !== undefined) throw lost
      note(`vitrine: ${printable(lost.message)}: that is done now`)
      next = { data, workers, strict, keepLast, checkpointEvery, memory, signal, resume }
    }
  } finally {
    report.close()
    interrupted.close()
  }
}

/**
 * Trains on one backend, until the end or a signal. If the device is lost after the first step, the loss is returned.
 */
async function trainOnce<O extends ResumeOptions, S extends RunSetup, E extends object>(
  train: Train<O, S, E>,
  options: O | ResumeOptions,
  flags: EngineValues & Pick<MachineValues, "backend">,
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

function checkScaled({ run, recipe }: RunSetup, { precision }: EngineValues): void {
  if (precision === "float16" && !recipe.training.lossScaling)
    throw new VitrineError("config", `${run}: its recipe has no lossScaling, which --precision float16 needs`)
}

/** Writes each event as a line of JSON. */
export function jsonReporter(run: string): Reporter<object, object> {
  return {
    event: (event) => print(JSON.stringify(event)),
    stopping: () => note(`vitrine: stopping after this step; resume with: ${self} train --resume ${quoted(run)}`),
    close: () => {},
  }
}
