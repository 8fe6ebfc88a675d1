import type { TaskName } from "@vitrine/checkpoint"
import { type Backend, VitrineError } from "@vitrine/core"
import { type Plan, type PlanTarget, planOf } from "../plan/plan.ts"
import type { PlanSubject } from "../plan/subject.ts"
import { tasks } from "../tasks/node.ts"
import type { TaskTrainOptions } from "../tasks/task.ts"

/** A training that is planned: its task, and the options with which `train` would run it. */
export interface PlannedTraining {
  /** `classify` by default. */
  readonly task?: TaskName | undefined
  /**
   * The options of the training. Without data, the recipe is completed for ImageNet-1k, and a detector's for COCO.
   */
  readonly options?: TaskTrainOptions | undefined
}

/**
 * Says what a training takes before it runs: parameters and operations by part, peak memory by part, and times.
 *
 *     const { parameters, memory } = await plan({ options: { recipe: { model: "L/16", batchSize: 32 } } })
 *
 * @throws VitrineError (config, file) for data or a recipe that cannot be trained
 */
export async function plan(training: PlannedTraining, target: PlanTarget = {}): Promise<Plan> {
  return planOf(await plannedSubject(training), target)
}

/** The training that is planned. */
export async function plannedSubject({ task: name = "classify", options = {} }: PlannedTraining): Promise<PlanSubject> {
  const task = await tasks[name]()
  const { plan: plans } = task
  const { data, recipe = {} } = options
  if (data === undefined) return { ...plans.subject(await plans.withoutData(recipe)), assumedData: plans.assumedData }
  const events = task.train({ ...options, out: undefined, backend: absentBackend })
  // The first event is the setup.
  for await (const event of events) if (event.type === "setup") return plans.subject(event.recipe)
  throw new VitrineError("training", "the training has no setup")
}

const absent = async (): Promise<never> => {
  throw new VitrineError("config", "a plan runs no program: leave out the teacher (distillFrom, --distill-from)")
}

/** A backend that runs nothing. */
const absentBackend: Backend = {
  name: "plan",
  device: "none",
  compile: absent,
  createState: absent,
  close: async () => {},
}
