import { existsSync } from "node:fs"
import { basename, join } from "node:path"
import { type Recipe, type RecipeRule, taskOf, train as trainModel, VitrineError } from "vitrine"
import { UsageError } from "../errors.ts"
import { localModel } from "../hub.ts"
import { loadRecipe, withFlags } from "../recipes.ts"
import { classes } from "../show/progress.ts"
import { classification } from "../show/result.ts"
import { checkNew, checkResumed, type TrainFlags } from "../train-options.ts"
import { trainWithProgress, resumption } from "../training.ts"
import { trainToDetect } from "./train-detector.ts"
import { trainToRead } from "./train-reader.ts"

/** Trains as the flags say; gives the exit code. */
export async function train(flags: TrainFlags): Promise<number> {
  const { resume } = flags
  if (resume !== undefined) {
    checkResumed(flags)
    const tasks = { classify: trainToClassify, detect: trainToDetect, read: trainToRead } as const
    return tasks[await taskOf(resume)](flags, resume)
  }
  const base = flags.recipe === undefined ? {} : await loadRecipe(flags.recipe)
  const task = flags.task ?? (base as { readonly task?: unknown }).task
  if (task !== "read" && flags.characters !== undefined) throw new UsageError("--characters is for --task read")
  const run = flags.out ?? freeFolder(join("runs", nameOf(flags.data ?? "")))
  const begin = task === "detect" ? trainToDetect : task === "read" ? trainToRead : trainToClassify
  return begin(flags, run, base)
}

/** @param base what the flags override; undefined for a run that is resumed. */
async function trainToClassify(flags: TrainFlags, run: string, base?: Recipe | RecipeRule): Promise<number> {
  const task = { train: trainModel, told: classes, ending: classification }
  if (base === undefined) return trainWithProgress(task, resumption(flags), run, flags)
  checkNew(flags, "train needs --data PATH (or --data shapes), or --resume RUN")
  const { data, seed, workers, valFraction, classes: named, perClass, keepLast, checkpointEvery } = flags
  const from = flags.from === undefined ? undefined : (await localModel(flags.from)).name
  const distillFrom = flags.distillFrom === undefined ? undefined : (await localModel(flags.distillFrom)).name
  const chosen = { data, from, distillFrom, seed, valFraction, classes: named, perClass }
  const kept = { out: run, workers, keepLast, checkpointEvery }
  return trainWithProgress(task, { ...chosen, ...kept, recipe: withFlags(base, flags) }, run, flags)
}

/** What a run on these data is called. */
function nameOf(data: string): string {
  return basename(data).replace(/\.(tar|tar\.gz|tgz|json)$/, "") || "run"
}

/** The first of `path-1`, `path-2` … that does not exist. */
export function freeFolder(path: string): string {
  for (let n = 1; n < 1e6; n++) if (!existsSync(`${path}-${n}`)) return `${path}-${n}`
  throw new VitrineError("file", `${path}-1000000: there are too many runs; name one with --out`)
}
