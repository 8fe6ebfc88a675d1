/** The tasks of models, and the task that the files of a model belong to. */
import * as v from "valibot"
import { configError, shown } from "./errors.ts"
import { isObject, type Json } from "./json.ts"
import type { ModelFiles } from "./model-files.ts"
import { openSafetensorsSource } from "./weights.ts"

const classSchema = v.looseObject({
  model_type: v.optional(v.string()),
  architectures: v.optional(v.array(v.string())),
})

/** The tasks: classes of images, objects in images, lines of text. */
export const taskNames = ["classify", "detect", "read"] as const
/** The names of the tasks. */
export type TaskName = (typeof taskNames)[number]

interface TaskSigns {
  /** The work of the task's models and the functions that load them, as phrases for errors. */
  readonly does: string
  readonly uses: string
  /** Recognises a `config.json` of another library. */
  readonly config?: (json: Json) => boolean
  /** The name of a tensor that only models of this task have. */
  readonly tensor?: string
}

const signs: Readonly<Record<TaskName, TaskSigns>> = {
  classify: { does: "says what an image shows as a whole", uses: "vitrine predict and eval (load)" },
  detect: {
    does: "finds objects",
    uses: "vitrine detect and eval (loadDetector)",
    config: ({ model_type, architecture }) => model_type === "detr" || architecture === "detr",
    tensor: "query_embed.weight",
  },
  read: { does: "reads lines of text", uses: "vitrine predict and eval (loadReader)" },
}

/** The `vitrine` field of a `config.json`, which training with Vitrine writes. */
const recordIn = (json: unknown): Json => (isObject(json) && isObject(json.vitrine) ? json.vitrine : {})

/** An error sentence if the `config.json` is of a detector that Vitrine does not read, otherwise null. */
export function otherDetector(json: unknown): string | null {
  const { model_type: type, architectures: [architecture] = [] } = v.is(classSchema, json) ? json : {}
  const reads = `of detectors Vitrine reads DETR alone (model_type "detr", DetrForObjectDetection)`
  if (architecture === "DetrForSegmentation")
    return `architectures[0] is ${shown(architecture)}, a panoptic model: ${reads}`
  const detects =
    type !== "detr" &&
    (/detr|table-transformer|yolos|d_fine/.test(type ?? "") || architecture?.endsWith("ForObjectDetection") === true)
  return detects ? `model_type is ${shown(type)}: ${reads}` : null
}

/** The task of a `config.json`: the one it names, otherwise the one its fields show, otherwise `classify`. */
export function taskOfConfig(json: unknown): TaskName {
  const { task } = recordIn(json)
  const named = taskNames.find((name) => name === task)
  const recognised = taskNames.find((name) => isObject(json) && signs[name].config?.(json))
  return named ?? recognised ?? "classify"
}

/** Whether a `config.json` belongs to a model of a task. */
export function isTaskConfig(json: unknown, task: TaskName): boolean {
  return taskOfConfig(json) === task
}

/** The task of a model, from its `config.json` or, if there is none, from the names of its tensors. */
export async function taskOfFiles(files: ModelFiles, weightsFile = "model.safetensors"): Promise<TaskName> {
  const json = await files.json("config.json")
  if (json !== undefined) return taskOfConfig(json)
  const source = await files.open(weightsFile)
  if (source === undefined) return "classify"
  const { tensors } = await openSafetensorsSource(source)
  return taskNames.find((name) => tensors.some((tensor) => tensor.name === signs[name].tensor)) ?? "classify"
}

/**
 * Throws if a model is for another task.
 * @param file the name of the `config.json` in errors.
 * @throws VitrineError (config) that says what the model does and which function loads it.
 */
export function checkTask(json: unknown, expected: TaskName, file: string): void {
  const { task } = recordIn(json)
  if (task !== undefined && !taskNames.some((name) => name === task))
    throw configError(file, `vitrine.task must be one of ${taskNames.join(", ")}, got ${shown(task)}`)
  const other = otherDetector(json)
  if (other !== null) throw configError(file, other)
  const { does, uses } = signs[taskOfConfig(json)]
  if (!isTaskConfig(json, expected)) throw configError(file, `its model ${does}: use ${uses}`)
}

/** The training record in the `config.json` of a run of this task, or null if there is none. */
export function taskRecord(json: unknown, task: TaskName): Json | null {
  const record = recordIn(json)
  return isTaskConfig(json, task) && Object.keys(record).length > 0 ? record : null
}
