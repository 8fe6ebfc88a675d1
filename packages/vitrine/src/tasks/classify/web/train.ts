import { type ModelHints, type OpenModel, openGoogleModel, openModel, toTimmConfig } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { createLoader, type Dataset, shapes } from "@vitrine/data"
import type { TrainEvent } from "@vitrine/trainer"
import {
  type DataFacts,
  type Recipe,
  type RecipeRule,
  recipeFor,
  type ResolvedRecipe,
  resolveRecipe,
} from "../recipe.ts"
import { type RunRecord, recordOf } from "../record.ts"
import { classesOf, factsOf, preprocessingOf, type SetupEvent, trainOn } from "../training.ts"
import { factsFor, hintsFrom, recipeFrom, startFrom } from "../from.ts"
import { type BackendChoice, openBackend } from "../../../web/backend.ts"
import { findFiles, type ModelSource } from "../../../web/files.ts"
import type { MemoryStore } from "../../../web/memory-store.ts"

export interface TrainOptions extends BackendChoice {
  /** `shapes`, the built-in drawings, or data sets, which stay open. */
  readonly data: "shapes" | { readonly train: Dataset; readonly validation?: Dataset | undefined }
  /** What it leaves open is filled in from the data. Not needed to resume. */
  readonly recipe?: Recipe | RecipeRule | undefined
  /**
   * The model whose weights the run starts from, as `load` takes it. What the recipe leaves open of the model and its
   * input is as there; a head for other classes is a single linear layer that starts at 0. Not needed to resume.
   */
  readonly from?: ModelSource | undefined
  /** Keeps the run; without one there is nothing to load afterwards. */
  readonly store?: MemoryStore | undefined
  /** Go on from the newest checkpoint in the store, by the recipe and the seed that it remembers. */
  readonly resume?: boolean | undefined
  /** Decides initialisation, order, augmentation and dropout; 0 by default. */
  readonly seed?: number | undefined
  /** Steps between checkpoints; with each evaluation by default. */
  readonly checkpointEvery?: number | undefined
  /** Ends the run after the step that is under way, with a checkpoint. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Trains a Vision Transformer, or a ResNet of BiT's, in a page and yields what happens; data are prepared in this thread.
 *
 *     const store = memoryStore()
 *     for await (const event of train({ data: "shapes", recipe: { steps: 200 }, store }))
 *       if (event.type === "step") console.log(event.step, event.loss)
 *     const model = await load(store.files())
 *
 * @throws VitrineError: one line that says what is wrong with the data, the recipe or the loss.
 */
export async function* train(options: TrainOptions): AsyncGenerator<SetupEvent | TrainEvent, void, void> {
  const { data, store, resume: resuming = false, signal, recipe: _, from: __, ...rest } = options
  const record = resuming ? recordOf(store?.config) : undefined
  if (record === null) throw new VitrineError("config", "there is no run in the store to resume")
  const seed = record?.seed ?? options.seed ?? 0
  const { train: dataset, validation } = data === "shapes" ? drawings(seed) : data
  const facts = record === undefined ? await factsOf(dataset) : undefined
  const wanted = facts && recipeFor(options.recipe, facts)
  const start =
    record === undefined && options.from !== undefined
      ? await openStart(options.from, hintsFrom(wanted?.model))
      : undefined
  const resolved = (wanted: Recipe, facts: DataFacts): ResolvedRecipe => {
    if (start === undefined) return resolveRecipe(wanted, facts, seed)
    const { model, name } = start
    return resolveRecipe(
      recipeFrom(wanted, model, classesOf(wanted, dataset), name),
      factsFor(facts, model.config),
      seed,
    )
  }
  const recipe = record?.recipe ?? resolved(wanted as Recipe, facts as DataFacts)
  const known = classesOf(recipe, dataset)
  const begun = start && (await startFrom(start.model, recipe.config, known, start.name))
  const checkpointEvery = options.checkpointEvery ?? record?.checkpointEvery ?? recipe.evaluateEvery
  const name = data === "shapes" ? data : dataset.name
  const resume = resuming ? (store?.resume() ?? undefined) : undefined
  const { backend, close } = await openBackend(rest)
  try {
    if (record === undefined) {
      const engines = [backend.device]
      const vitrine: RunRecord = { data: name, seed, valFraction: 0.1, checkpointEvery, recipe, engines }
      const extra = { preprocessing: preprocessingOf(recipe), labels: known.length > 0 ? known : null, vitrine }
      store?.writeConfig(toTimmConfig(recipe.config, extra))
    }
    yield {
      type: "setup",
      run: null,
      resumed: resuming ? (resume?.step ?? 0) : null,
      damaged: [],
      data: name,
      classes: dataset.classes,
      examples: dataset.length,
      validation: validation?.length ?? 0,
      recipe,
      from: start && begun ? { model: start.name, newHead: begun.newHead, notes: start.model.notes ?? [] } : null,
      teacher: null,
    }
    const openLoader: Parameters<typeof trainOn>[0]["openLoader"] = (dataset, plan) =>
      createLoader({ ...plan, dataset })
    const initial = begun?.initial
    yield* trainOn({
      dataset,
      validation,
      recipe,
      backend,
      openLoader,
      initial,
      store,
      checkpointEvery,
      resume,
      signal,
    })
  } finally {
    await close()
  }
}

async function openStart(
  source: ModelSource,
  hints: ModelHints,
): Promise<{ readonly model: OpenModel; readonly name: string }> {
  const found = await findFiles(source)
  if ("folder" in found)
    return { model: await openModel(found.folder, found.weightsFile, hints), name: found.folder.name }
  const file = await found.npz()
  return { model: await openGoogleModel(file, hints), name: file.name }
}

/** As many as in Node. */
function drawings(seed: number): { train: Dataset; validation: Dataset } {
  return {
    train: shapes({ split: "train", size: 50_000, seed }),
    validation: shapes({ split: "val", size: 2_000, seed }),
  }
}
