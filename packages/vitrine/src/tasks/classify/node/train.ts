import { totalmem } from "node:os"
import { resolve } from "node:path"
import { imageModel, toTimmConfig } from "@vitrine/checkpoint"
import { readModelFolder } from "@vitrine/checkpoint/node"
import { parameterCount, VitrineError } from "@vitrine/core"
import type { Dataset, DatasetSource, Selection } from "@vitrine/data"
import { createLoader, openDataset, resolveData, subset } from "@vitrine/data/node"
import type { TrainEvent } from "@vitrine/trainer"
import {
  type DataFacts,
  type Recipe,
  type RecipeRule,
  recipeFor,
  type ResolvedRecipe,
  resolveRecipe,
} from "../recipe.ts"
import { classesOf, factsOf, preprocessingOf, type SetupEvent, trainOn } from "../training.ts"
import { openTeacher } from "./teacher.ts"
import { factsFor, hintsFrom, recipeFrom, startFrom } from "../from.ts"
import { locate } from "../../../node/hub.ts"
import { runTask, type RunOptions } from "../../../node/run.ts"
import { type RunRecord, recordOf } from "../record.ts"

export interface TrainOptions extends RunOptions {
  /** A path or `shapes`, as `resolveData` takes it. Not needed to resume, unless the data have moved. */
  readonly data?: string | undefined
  /** What it leaves open is filled in from the data. Not needed to resume. */
  readonly recipe?: Recipe | RecipeRule | undefined
  /**
   * The model whose weights the run starts from, as `load` takes it. What the recipe leaves open of the model and its
   * input is as there; positions are resized to another `imageSize` as the model's origin does, and a head for other
   * classes is a single linear layer that starts at 0.
   */
  readonly from?: string | undefined
  /**
   * The model that teaches this one by distillation, as `load` takes it: of the same classes, and of patches that fit the
   * student's images, which it is given as they are.
   */
  readonly distillFrom?: string | undefined
  /** Threads that prepare data; 1 by default. They have no influence on the result. */
  readonly workers?: number | undefined
  /** Names of the classes to train and validate on; all of the data's by default. */
  readonly classes?: readonly string[] | undefined
  /** Training images of each class, drawn by the seed; all by default. */
  readonly perClass?: number | undefined
}

/**
 * Trains a Vision Transformer, or a ResNet of BiT's, on images from disk and yields what happens.
 *
 *     for await (const event of train({ data: "shapes", out: "runs/shapes" }))
 *       if (event.type === "step") console.log(event.step, event.loss)
 *
 * @throws VitrineError: one line that says what is wrong with the data, the recipe, the folder or the loss.
 */
export function train(options: TrainOptions): AsyncGenerator<SetupEvent | TrainEvent, void, void> {
  return runTask(options, async ({ resumed, closeLater, openBackend, writeRecord }) => {
    const record = resumed && recordOf(resumed.config)
    if (record === null)
      throw new VitrineError(
        "file",
        `${options.resume}: its config.json does not say how it was trained, so it cannot be resumed`,
      )
    const data = options.data ?? record?.data
    if (data === undefined) throw new VitrineError("config", "train needs data: a path, or shapes")
    const { seed = 0, valFraction = 0.1, classes, perClass } = record ?? options
    const { train: source, val } = await resolveData(data, { valFraction, seed })
    const open = async (source: DatasetSource, selection: Selection): Promise<Dataset> => {
      const dataset = await openDataset(source)
      closeLater(dataset.close)
      return subset(dataset, selection)
    }
    const dataset = await open(source, { classes, perClass, seed })
    const validation = val === null ? undefined : await open(val, { classes })
    const facts = record ? undefined : await factsOf(dataset)
    const asked = facts && recipeFor(options.recipe, facts)
    // Once there is a checkpoint, it holds everything.
    const from = resumed?.checkpoint ? undefined : record ? record.from : options.from
    const place = from === undefined ? undefined : await locate(from)
    const model = place && (await readModelFolder(place.path, hintsFrom(record?.recipe.config ?? asked?.model)))
    closeLater(model?.weights.close)
    const resolved = (given: Recipe, facts: DataFacts): ResolvedRecipe => {
      const recipe = options.distillFrom === undefined ? given : { distillation: {}, ...given }
      if (from === undefined || model === undefined) return resolveRecipe(recipe, facts, seed)
      return resolveRecipe(
        recipeFrom(recipe, model, classesOf(recipe, dataset), from),
        factsFor(facts, model.config),
        seed,
      )
    }
    const recipe = record?.recipe ?? resolved(asked as Recipe, facts as DataFacts)
    const known = classesOf(recipe, dataset)
    checkMemory(recipe)
    const start = model && (await startFrom(model, recipe.config, known, model.path))
    const checkpointEvery = options.checkpointEvery ?? record?.checkpointEvery ?? recipe.evaluateEvery
    const backend = await openBackend()
    const teacherName = record ? record.teacher : options.distillFrom
    if (recipe.distillation !== null && teacherName === undefined)
      throw new VitrineError("config", "the recipe distils: name the teacher (distillFrom, --distill-from)")
    const teacher = teacherName === undefined ? undefined : await openTeacher(teacherName, recipe, known, backend)
    closeLater(teacher?.close)
    await writeRecord(backend, record?.engines ?? [], (engines) => {
      if (record) return { ...(resumed?.config as object), vitrine: { ...record, engines, model: recipe.config } }
      const vitrine: RunRecord = {
        data: placeOf(data),
        seed,
        valFraction,
        checkpointEvery,
        recipe,
        engines,
        ...(place !== undefined && { from: place.name }),
        ...(teacher !== undefined && { teacher: teacher.name }),
        ...(classes !== undefined && { classes }),
        ...(perClass !== undefined && { perClass }),
      }
      const extra = { preprocessing: preprocessingOf(recipe), labels: known.length > 0 ? known : null, vitrine }
      return toTimmConfig(recipe.config, extra)
    })
    return {
      setup: {
        data,
        classes: dataset.classes,
        examples: dataset.length,
        validation: validation?.length ?? 0,
        recipe,
        from: from !== undefined && start ? { model: from, newHead: start.newHead, notes: model?.notes ?? [] } : null,
        teacher: teacherName ?? null,
      },
      events: (run) =>
        trainOn({
          dataset,
          validation,
          recipe,
          backend,
          initial: start?.initial,
          teacher: teacher?.teach,
          openLoader: (data, plan) =>
            data.source === undefined
              ? createLoader({ ...plan, dataset: data })
              : createLoader({ ...plan, source: data.source, workers: options.workers ?? 1 }),
          checkpointEvery,
          ...run,
        }),
    }
  })
}

/** Refuses a model whose parameters, gradients and two moments alone do not fit into this machine's memory. */
function checkMemory({ config }: ResolvedRecipe): void {
  const count = parameterCount(imageModel(config).parameters)
  const needed = 4 * count * Float32Array.BYTES_PER_ELEMENT
  if (needed <= totalmem()) return
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(0)} GB`
  throw new VitrineError(
    "config",
    `the model has ${count.toLocaleString("en")} parameters; training it takes over ${gigabytes(needed)} of memory, this machine has ${gigabytes(totalmem())}`,
  )
}

/** Absolute, so that a run can be resumed from anywhere; the name of built-in data stays. */
function placeOf(data: string): string {
  return data === "shapes" ? data : resolve(data)
}
