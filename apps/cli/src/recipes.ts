import { existsSync, readdirSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { basename, dirname, extname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { type Schedule, spelledOptimizer, spellingOf } from "@vitrine/trainer"
import * as vitrine from "vitrine"
import { type ModelFields, type Recipe, type RecipeRule, VitrineError } from "vitrine"
import { UsageError } from "./errors.ts"
import type { TrainFlags } from "./train-options.ts"

/**
 * A recipe from a file, or one of the built-in ones by name.
 * @throws VitrineError (file) that names the file and the fault.
 */
export async function loadRecipe(nameOrFile: string): Promise<Recipe | RecipeRule> {
  const file = find(nameOrFile)
  const recipe = extname(file) === ".json" ? await readJson(file) : await runModule(file)
  if (typeof recipe === "function") return checkedRule(recipe as RecipeRule, file)
  if (!isObject(recipe))
    throw new VitrineError("file", `${file}: holds no recipe; a module has one as its default export`)
  return recipe
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** A module may have a function as its default export, which is given what is known of the data. */
function checkedRule(rule: RecipeRule, file: string): RecipeRule {
  return (data) => {
    const recipe = rule(data)
    if (!isObject(recipe)) throw new VitrineError("file", `${file}: its function gives no recipe`)
    return recipe
  }
}

/** The folder of the built-in recipes, which are modules like a user's. */
const folder = dirname(fileURLToPath(import.meta.resolve("@vitrine/recipes/package.json")))

/** Names of the built-in recipes. */
function recipeNames(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => basename(file, ".ts"))
}

function find(nameOrFile: string): string {
  const given = resolve(nameOrFile)
  if (/\.(json|[cm]?[jt]s)$/.test(nameOrFile)) {
    if (existsSync(given)) return given
    throw new VitrineError("file", `${nameOrFile}: no such recipe file`)
  }
  if (recipeNames().includes(nameOrFile)) return join(folder, `${nameOrFile}.ts`)
  throw new VitrineError(
    "file",
    `${nameOrFile}: no such recipe: name a .ts, .js or .json file, or one of ${recipeNames().join(", ")}`,
  )
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8"))
  } catch (error) {
    throw new VitrineError("file", `${file}: cannot be read as JSON (${(error as Error).message})`, { cause: error })
  }
}

/** Runs a module, in which `import … from "vitrine"` gives this library wherever the file lies. */
async function runModule(file: string): Promise<unknown> {
  const { createJiti } = await import("jiti")
  const jiti = createJiti(import.meta.url, { virtualModules: { vitrine }, fsCache: false, moduleCache: false })
  try {
    return await jiti.import(file, { default: true })
  } catch (error) {
    throw new VitrineError("file", `${file}: cannot be loaded (${(error as Error).message})`, { cause: error })
  }
}

/**
 * A recipe of a task whose recipes do not depend on the data.
 * @throws VitrineError (config) for a function, UsageError for a recipe of another task.
 */
export function plainRecipe<T extends object>(
  given: Recipe | RecipeRule,
  flags: TrainFlags,
  task: "detect" | "read",
): T {
  if (typeof given === "function")
    throw new VitrineError("config", `${flags.recipe}: makes recipes of classifiers, not for --task ${task}`)
  const { task: named = task, ...recipe } = given as { readonly task?: string }
  if (named !== task) throw new UsageError(`the recipe is for --task ${named}, not for --task ${task}`)
  return recipe as T
}

/** A recipe with what flags say in place of its own. */
export function withFlags(recipe: Recipe | RecipeRule, flags: TrainFlags): Recipe | RecipeRule {
  return typeof recipe === "function" ? (data) => changed(recipe(data), flags) : changed(recipe, flags)
}

function changed(recipe: Recipe, flags: TrainFlags): Recipe {
  const { model, ...own } = recipe
  const { mixup, cutmix } = flags
  return {
    ...trainingWithFlags(own, flags),
    ...given({
      model: modelWithFlags(model, flags),
      init: flags.init,
      ema: flags.ema,
      layerDecay: flags.layerDecay,
      labelSmoothing: flags.labelSmoothing,
      task: flags.task === "detect" || flags.task === "read" ? undefined : flags.task,
    }),
    ...((mixup !== undefined || cutmix !== undefined) && { mix: { ...recipe.mix, ...given({ mixup, cutmix }) } }),
    ...distillationWithFlags(recipe, flags),
  }
}

/** What recipes of all tasks have. */
type Trained = Pick<
  Recipe,
  | (
      | "steps"
      | "epochs"
      | "batchSize"
      | "accumulate"
      | "optimizer"
      | "learningRate"
      | "schedule"
      | "weightDecay"
      | "clip"
    )
  | ("gradCheckpointing" | "lossScaling" | "freeze" | "evaluateEvery")
>

/**
 * A recipe with what flags say of training by any task.
 * @param schedule what holds where flags say a part of one
 */
export function trainingWithFlags<R extends Trained>(
  recipe: R,
  flags: TrainFlags,
  schedule: Partial<Schedule> | undefined = recipe.schedule,
): Omit<R, "steps" | "epochs"> & Trained {
  const { epochs: _, steps: __, ...kept } = recipe
  return {
    ...(flags.steps === undefined && flags.epochs === undefined ? recipe : kept),
    ...given({
      steps: flags.steps,
      epochs: flags.epochs,
      batchSize: flags.batchSize,
      accumulate: flags.accumulate,
      learningRate: flags.lr,
      weightDecay: flags.weightDecay,
      clip: flags.clip,
      gradCheckpointing: flags.gradCheckpointing,
      // Gradients that are stored in float16 vanish unless they are scaled.
      lossScaling: flags.precision === "float16" ? true : undefined,
      freeze: flags.freeze,
      evaluateEvery: flags.evalEvery,
    }),
    ...scheduleWithFlags(schedule, flags),
    ...withOptimizer(recipe.optimizer, flags),
  }
}

function scheduleWithFlags(
  own: Partial<Schedule> | undefined,
  { schedule, warmup }: Pick<TrainFlags, "schedule" | "warmup">,
): Pick<Recipe, "schedule"> {
  if (schedule === undefined && warmup === undefined) return {}
  const kept = { ...defaultSchedule, ...own, ...given({ warmup }) }
  // What is left of the rate in the end means another thing to each decay.
  const chosen =
    schedule === undefined || schedule === kept.decay ? {} : { decay: schedule, final: finals[schedule] ?? 0 }
  return { schedule: { ...kept, ...chosen } }
}

const finals: { readonly [decay: string]: number } = { step: 0.1 }

/** A recipe's optimizer that is called so keeps its settings. */
function withOptimizer(
  own: Recipe["optimizer"],
  { optimizer }: Pick<TrainFlags, "optimizer">,
): Pick<Recipe, "optimizer"> {
  if (optimizer === undefined || (own !== undefined && spellingOf(own) === optimizer)) return {}
  return { optimizer: spelledOptimizer(optimizer) }
}

function distillationWithFlags(recipe: Recipe, flags: TrainFlags): Pick<Recipe, "distillation"> {
  const fields = given({ kind: flags.distillation, alpha: flags.distillationAlpha, tau: flags.distillationTau })
  return Object.keys(fields).length === 0 ? {} : { distillation: { ...recipe.distillation, ...fields } }
}

const defaultSchedule = { decay: "cosine", warmup: 0.1, final: 0 } as const

function modelWithFlags(model: Recipe["model"], flags: TrainFlags): ModelFields | undefined {
  const own = typeof model === "string" ? { variant: model } : (model ?? {})
  const { imageSize, patchSize, dim, depth, heads, mlpDim, pool, positions, activation, dropout, stochasticDepth } =
    flags
  const { widths, depths, stemWidth, groups } = flags
  const fields = {
    imageSize,
    patchSize,
    dim,
    depth,
    heads,
    mlpDim,
    pool,
    positions,
    activation,
    dropout,
    stochasticDepth,
    widths,
    depths,
    stemWidth,
    groups,
  }
  // A variant named by a flag takes the place of the recipe's whole model.
  const base = flags.model === undefined ? own : { variant: flags.model }
  const all = { ...base, ...given(fields) }
  return Object.keys(all).length === 0 ? undefined : all
}

/** The fields that are there. */
export function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
