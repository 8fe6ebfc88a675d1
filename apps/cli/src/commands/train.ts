import { existsSync } from "node:fs"
import { basename, join } from "node:path"
import {
  isDetector,
  isReader,
  type Recipe,
  type RecipeRule,
  type SetupEvent,
  type TrainEvent,
  type TrainOptions,
  train as trainModel,
  VitrineError,
} from "vitrine"
import { choose } from "../backends.ts"
import { UsageError } from "../errors.ts"
import { localModel } from "../hub.ts"
import { interruption } from "../interruption.ts"
import { type EngineFlags, engineOptions } from "../options.ts"
import { note, print, whenReaderLeaves } from "../output.ts"
import { loadRecipe, withFlags } from "../recipes.ts"
import { type Reporter, reporter } from "../show/progress.ts"
import { showResult } from "../show/result.ts"
import type { TrainFlags } from "../train-options.ts"
import { checkResumed, trainToRead } from "./train-reader.ts"

/** Trains as the flags say; gives the exit code. */
export async function train(flags: TrainFlags): Promise<number> {
  if (flags.task === "detect" || (flags.resume !== undefined && (await isDetector(flags.resume))))
    return (await import("./train-detector.ts")).trainDetectorTo(flags)
  const run = flags.resume ?? flags.out ?? freeFolder(join("runs", nameOf(flags.data ?? "")))
  if (flags.resume !== undefined && (await isReader(flags.resume))) {
    checkResumed(flags)
    return trainToRead(flags, run)
  }
  const given = flags.resume !== undefined || flags.recipe === undefined ? {} : await loadRecipe(flags.recipe)
  if (flags.resume === undefined && (flags.task ?? (given as { readonly task?: unknown }).task) === "read") {
    checkNew(flags)
    return trainToRead(flags, run, given)
  }
  if (flags.characters !== undefined) throw new UsageError("--characters is for --task read")
  const options = flags.resume === undefined ? await newRun(flags, run, given) : resumed(flags)
  const report = flags.json ? jsonReporter(run) : reporter(run)
  const finished = await trainTo(options, flags, report)
  if (!finished) return 130
  if (!flags.json) await showResult(run)
  return 0
}

/**
 * Trains, saves and reports, until the end or a signal. Where a device is lost, it goes on from the last checkpoint on a
 * new one.
 * @returns whether all steps were taken.
 */
export async function trainTo(
  options: TrainOptions,
  flags: EngineFlags & Pick<TrainFlags, "backend">,
  report: Reporter,
): Promise<boolean> {
  const interrupted = interruption(report.stopping)
  whenReaderLeaves(interrupted.stop)
  let next: TrainOptions = { ...options, signal: interrupted.signal }
  try {
    for (;;) {
      const { finished, lost } = await trainOnce(next, flags, report)
      if (lost === undefined) return finished
      note(`vitrine: ${lost.message}: that is done now`)
      const { data, workers, keepLast, checkpointEvery, signal } = next
      next = { data, workers, keepLast, checkpointEvery, signal, resume: options.resume ?? options.out }
    }
  } finally {
    report.close()
    interrupted.close()
  }
}

/** Trains on one backend, until the end, a signal or, once a step was taken, the loss of its device. */
async function trainOnce(
  options: TrainOptions,
  flags: EngineFlags & Pick<TrainFlags, "backend">,
  report: Reporter,
): Promise<{ readonly finished: boolean; readonly lost?: VitrineError }> {
  const { backend, passedOver } = await choose(flags.backend, engineOptions(flags))
  let finished = false
  let steps = 0
  try {
    for await (const event of trainModel({ ...options, backend })) {
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

function checkScaled({ run, recipe }: SetupEvent, { precision }: EngineFlags): void {
  if (precision === "float16" && !recipe.training.lossScaling)
    throw new VitrineError("config", `${run}: its recipe has no lossScaling, which --precision float16 needs`)
}

function checkNew(flags: TrainFlags): void {
  if (flags.data === undefined) throw new UsageError("train needs --data PATH (or --data shapes), or --resume RUN")
  if (flags.steps !== undefined && flags.epochs !== undefined)
    throw new UsageError("give --steps or --epochs, not both")
}

async function newRun(flags: TrainFlags, out: string, given: Recipe | RecipeRule): Promise<TrainOptions> {
  checkNew(flags)
  const { data, seed, workers, valFraction, classes, perClass, keepLast, checkpointEvery } = flags
  const recipe = withFlags(given, flags)
  const from = flags.from === undefined ? undefined : (await localModel(flags.from)).name
  const distillFrom = flags.distillFrom === undefined ? undefined : (await localModel(flags.distillFrom)).name
  return {
    data,
    from,
    distillFrom,
    recipe,
    out,
    seed,
    workers,
    valFraction,
    classes,
    perClass,
    keepLast,
    checkpointEvery,
  }
}

function resumed(flags: TrainFlags): TrainOptions {
  checkResumed(flags)
  const { resume, data, workers, keepLast, checkpointEvery } = flags
  return { resume, data, workers, keepLast, checkpointEvery }
}

/** What a run on these data is called. */
function nameOf(data: string): string {
  return basename(data).replace(/\.(tar|tar\.gz|tgz)$/, "") || "run"
}

/** The first of `path-1`, `path-2` … that does not exist. */
export function freeFolder(path: string): string {
  for (let n = 1; n < 1e6; n++) if (!existsSync(`${path}-${n}`)) return `${path}-${n}`
  throw new VitrineError("file", `${path}-1000000: there are too many runs; name one with --out`)
}

/** Each event as a line of JSON. */
function jsonReporter(run: string): Reporter {
  return {
    event: (event: SetupEvent | TrainEvent) => print(JSON.stringify(event)),
    stopping: () =>
      process.stderr.write(`vitrine: stopping after this step; resume with: vitrine train --resume ${run}\n`),
    close: () => {},
  }
}
