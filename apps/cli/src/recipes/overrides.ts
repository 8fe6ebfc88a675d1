import { type OptimizerOptions, type Schedule, spelledOptimizer, spellingOf } from "@vitrine/trainer"
import { type Recipe, type RecipeRule, VitrineError } from "vitrine"
import { UsageError } from "../errors.ts"
import type { EngineValues } from "../flags/machine.ts"
import type { TrainValues } from "../flags/train.ts"

/** The fields that are not undefined. */
export function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}

/** The fields of all recipes. */
type TrainingFields = Pick<
  Recipe,
  | "steps"
  | "epochs"
  | "batchSize"
  | "microBatches"
  | "accumulate"
  | "optimizer"
  | "learningRate"
  | "schedule"
  | "weightDecay"
  | "clip"
  | "gradCheckpointing"
  | "lossScaling"
  | "freeze"
  | "evaluateEvery"
>

/** The flags that override these fields. */
type TrainingValues = EngineValues &
  Pick<TrainValues, "steps" | "epochs" | "batchSize" | "microBatches" | "accumulate"> &
  Pick<TrainValues, "lr" | "schedule" | "warmup" | "optimizer"> &
  Pick<TrainValues, "weightDecay" | "clip" | "gradCheckpointing" | "freeze" | "evalEvery">

/**
 * Overrides the fields of a recipe with flags, for any task.
 * @param schedule the schedule that flags change in part
 */
export function overrideTraining<R extends TrainingFields>(
  recipe: R,
  flags: TrainingValues,
  schedule: Partial<Schedule> | undefined = recipe.schedule,
): Omit<R, "steps" | "epochs"> & TrainingFields {
  const { epochs: _, steps: __, ...others } = recipe
  return {
    ...(flags.steps === undefined && flags.epochs === undefined ? recipe : others),
    ...defined({
      steps: flags.steps,
      epochs: flags.epochs,
      batchSize: flags.batchSize,
      microBatches: flags.microBatches,
      accumulate: flags.accumulate,
      learningRate: flags.lr,
      weightDecay: flags.weightDecay,
      clip: flags.clip === "off" ? null : flags.clip,
      gradCheckpointing: flags.gradCheckpointing,
      // Gradients in float16 vanish unless the loss is scaled.
      lossScaling: flags.precision === "float16" ? true : undefined,
      freeze: flags.freeze,
      evaluateEvery: flags.evalEvery,
      schedule: overrideSchedule(schedule, flags),
      optimizer: overrideOptimizer(recipe.optimizer, flags),
    }),
  }
}

function overrideSchedule(
  recipe: Partial<Schedule> | undefined,
  { schedule: decay, warmup }: TrainingValues,
): Schedule | undefined {
  if (decay === undefined && warmup === undefined) return undefined
  const schedule = { ...defaultSchedule, ...recipe, ...defined({ warmup }) }
  // `final` has another meaning for each decay.
  return decay === undefined || decay === schedule.decay
    ? schedule
    : { ...schedule, decay, final: decay === "step" ? 0.1 : 0 }
}

const defaultSchedule = { decay: "cosine", warmup: 0.1, final: 0 } as const

/** The optimizer of a flag. It keeps the recipe's settings if the recipe has the same optimizer. */
function overrideOptimizer(
  recipe: OptimizerOptions | undefined,
  { optimizer: spelling }: TrainingValues,
): OptimizerOptions | undefined {
  if (spelling === undefined) return undefined
  return recipe !== undefined && spellingOf(recipe) === spelling ? recipe : spelledOptimizer(spelling)
}

/**
 * The fields of a recipe for one task. Their values are not checked.
 * @throws VitrineError (config) for a rule: rules make recipes of classifiers alone
 * @throws UsageError for a recipe of another task
 */
export function recipeFields(recipe: object | RecipeRule, task: string, name = "the recipe"): object {
  if (typeof recipe === "function")
    throw new VitrineError(
      "config",
      `${name}: is a rule, and rules make recipes of classifiers alone; give --task ${task} a recipe`,
    )
  const { task: recipeTask = task, ...fields }: { readonly task?: unknown } = recipe
  if (recipeTask !== task) throw new UsageError(`the recipe is for --task ${recipeTask}, not for --task ${task}`)
  return fields
}
