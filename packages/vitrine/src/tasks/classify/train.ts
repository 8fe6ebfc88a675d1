import { attentionOf, type ModelConfig, type ModelHints, type OpenModel, toTimmConfig } from "@vitrine/checkpoint"
import { type Backend, VitrineError } from "@vitrine/core"
import { type Dataset, orderText, type SplitNames } from "@vitrine/data"
import type { Teacher } from "@vitrine/trainer"
import { type NewLength, withLength } from "../../extension.ts"
import { labelNames } from "../../origin.ts"
import type { OpenRun, PreparedTask } from "../../run.ts"
import type { RunSetup, TaskSetup } from "../../setup.ts"
import type { ClassifierEvaluation } from "./events.ts"
import { fewImagesBest } from "./few-images.ts"
import { factsFor, hintsFrom, recipeFrom, startFrom } from "./from.ts"
import type { Listing } from "./listing.ts"
import { defaultObjective, learnsClasses, learnsSeveralLabels, type ObjectiveName } from "./objectives.ts"
import type { Recipe, RecipeRule, ResolvedRecipe } from "./recipe-type.ts"
import { recipeFor, resolveRecipe, withArchitecture } from "./recipe.ts"
import type { RunRecord } from "./record-type.ts"
import { classesOf, factsOf, type OpenLoader, preprocessingOf, trainOn } from "./training.ts"

/** Options for training a classifier, which Node and pages share. */
export interface ClassifierOptions<Source> extends NewLength {
  /** The recipe. The data and the model provide its missing fields. A resumed run does not need it. */
  readonly recipe?: Recipe | RecipeRule | undefined
  /** Whether a recipe's batch with more images than there are is lowered to them; by default it is an error. */
  readonly lowersBatch?: boolean | undefined
  /** The model from which the run starts. */
  readonly from?: Source | undefined
  /** The name in timm of that model, if several models have the same names of tensors. */
  readonly architecture?: string | undefined
  readonly seed?: number | undefined
  readonly valFraction?: number | undefined
  readonly checkpointEvery?: number | undefined
  readonly classes?: readonly string[] | undefined
  readonly perClass?: number | undefined
  /** The column of a table with the images' paths; by default a column with a usual name. */
  readonly fileColumn?: string | undefined
  /** The column of the table with the labels, or several columns with 0 and 1; by default a column with a usual name. */
  readonly labelColumns?: readonly string[] | undefined
  /** The name of the split for training, if it is not the usual one. */
  readonly trainSplit?: string | undefined
  /** The order of shuffled epochs: `exact`, `windowed` or `windowed:ROWSxBLOCKS`; by default what suits the data. */
  readonly order?: string | undefined
  /** Whether the first broken image ends the run; by default its row has weight 0. */
  readonly strict?: boolean | undefined
}

/** The options that decide which examples a run uses. */
export interface DataChoice
  extends Pick<
    RunRecord,
    "seed" | "classes" | "perClass" | "testValidates" | "fileColumn" | "labelColumns" | "trainSplit" | "order"
  > {
  /** By default a tenth if the data have neither a validation nor a test set, otherwise none. */
  readonly valFraction: number | undefined
  /** Whether images need no class. */
  readonly unlabelled: boolean
}

export interface TrainingData {
  /** The name of the data in the setup event. */
  readonly name: string
  /** The name of the data in the record. A resumed run finds them again by this name. */
  readonly origin: string
  readonly train: Dataset
  readonly validation: Dataset | undefined
  /** Images of the test split. The choice of a checkpoint does not depend on them. */
  readonly test?: Dataset | undefined
  /** The names of the splits in the data. */
  readonly splitNames?: SplitNames
  /** Files that are passed over, a line for each kind. */
  readonly passedOver: readonly string[]
  /** Notes on the source of the labels and on odd labels. */
  readonly notes?: readonly string[]
  /** What the data consist of. */
  readonly listing?: Listing | null
}

/** A model from which a run starts. */
export interface StartingModel {
  /** The name of the model in the setup event and in errors. */
  readonly name: string
  /** The name of the model in the record, or undefined if it cannot be found again. */
  readonly origin: string | undefined
  readonly model: OpenModel
}

/**
 * The functions with which a platform opens the inputs of a classifier's run. `Source` is the platform's type of a
 * model's name.
 */
export interface ClassifierPlatform<Source> {
  /** @throws VitrineError (file, config) */
  openData(choice: DataChoice): Promise<TrainingData>
  /** @throws VitrineError (file, config) */
  openStart(source: Source | string, hints: ModelHints): Promise<StartingModel>
  readonly openLoader: OpenLoader
  /** The name of the teacher for distillation. */
  readonly teacher?: string | undefined
  openTeacher?(
    recipe: ResolvedRecipe,
    classNames: readonly string[],
    backend: Backend,
  ): Promise<{ readonly origin: string; readonly teach: Teacher } | undefined>
}

/** The first event of a run. It describes the training. */
export interface SetupEvent extends RunSetup {
  readonly classes: readonly string[]
  /** Training images of each class. */
  readonly classCounts: readonly number[]
  /** Images of the test split. A run evaluates them only if there are no validation images, and chooses no checkpoint by them. */
  readonly test: number
  /** The names of the splits in the data. A split that Vitrine held out has no name. */
  readonly splitNames: SplitNames
  /** Files of the data that are passed over, a line for each kind with its number and an example. */
  readonly passedOver: readonly string[]
  /** Notes on the source of the labels and on odd labels. */
  readonly dataNotes: readonly string[]
  readonly recipe: ResolvedRecipe
  /**
   * The model from which the run starts. The event has its name, whether it gets a new head for other classes, notes on
   * facts that its files leave open, and the image size of its positions if they are resized. Null for a run that starts
   * with random parameters.
   */
  readonly from: {
    readonly model: string
    readonly newHead: boolean
    readonly notes: readonly string[]
    readonly positionsFrom: readonly [number, number] | null
  } | null
  /** The name of the teacher for distillation. */
  readonly teacher: string | null
}

/**
 * Prepares the training of a classifier: a Vision Transformer or a BiT ResNet.
 * @param stored the record of a resumed run
 */
export async function prepareClassifier<Source>(
  { openBackend, writeRecord, resumed }: OpenRun,
  stored: RunRecord | undefined,
  options: ClassifierOptions<Source>,
  platform: ClassifierPlatform<Source>,
): Promise<PreparedTask<TaskSetup<SetupEvent>, ClassifierEvaluation>> {
  const { seed = 0, classes, perClass, fileColumn, labelColumns, trainSplit, order } = stored ?? options
  const testValidates = stored?.testValidates ?? false
  const { task = "classify" }: { readonly task?: ObjectiveName } = stored?.recipe ?? Object(options.recipe)
  const selection = {
    ...(classes && { classes }),
    ...(perClass !== undefined && { perClass }),
    ...(fileColumn !== undefined && { fileColumn }),
    ...(labelColumns && { labelColumns }),
    ...(trainSplit !== undefined && { trainSplit }),
    ...(order !== undefined && { order }),
  }
  const unlabelled = !testValidates && !learnsClasses(task)
  const share = (stored ?? options).valFraction
  const data = await platform.openData({ seed, valFraction: share, unlabelled, testValidates, ...selection })
  const { train: dataset, validation, test } = data
  if (learnsClasses(task)) checkClasses(dataset, data.name)
  const record = stored && withLength(stored, options, passOf(stored.recipe, dataset), resumed?.checkpoint?.step ?? 0)
  const plan = record ? storedPlan(record.recipe) : await newPlan(options, data, seed, platform.teacher)
  // A checkpoint contains everything that a resumed run needs.
  const source = resumed?.checkpoint ? undefined : record ? record.from : options.from
  const { architecture } = record ?? options
  if (architecture !== undefined && source === undefined && resumed === undefined)
    throw new VitrineError(
      "config",
      `architecture (--arch) ${architecture} names a model to start from: say which (--from)`,
    )
  const start = source === undefined ? undefined : await platform.openStart(source, { ...plan.hints, architecture })
  const recipe = plan.resolve(start)
  const classNames = classesOf(recipe, dataset)
  if (resumed) checkSameClasses(labelNames(resumed.config), classNames, data.name)
  if (record?.listing !== undefined) checkSameFiles(record.listing, data)
  const weights = start && (await startFrom(start.model, recipe.config, classNames, start.name))
  const checkpointEvery = options.checkpointEvery ?? record?.checkpointEvery ?? recipe.evaluateEvery
  const backend = await openBackend()
  const teacher = await platform.openTeacher?.(recipe, classNames, backend)
  const labels = classNames.length > 0 ? classNames : null
  const described =
    record && typeof resumed?.config === "object"
      ? resumed.config
      : await toTimmConfig(recipe.config, {
          preprocessing: preprocessingOf(recipe),
          labels,
          problemType: learnsSeveralLabels(recipe.task) ? "multi_label_classification" : null,
        })
  await writeRecord(
    backend,
    record?.engines ?? [],
    (engines) => {
      const vitrine: RunRecord = record
        ? { ...record, engines }
        : {
            data: data.origin,
            seed,
            valFraction: share ?? (test === undefined ? 0.1 : 0),
            checkpointEvery,
            recipe,
            engines,
            ...(start?.origin !== undefined && { from: start.origin }),
            ...(architecture !== undefined && { architecture }),
            ...(teacher && { teacher: teacher.origin }),
            ...selection,
            ...(dataset.order !== undefined && { order: orderText(dataset.order) }),
            examples: dataset.length,
            testValidates,
            ...(data.listing && { listing: data.listing }),
          }
      return { ...described, vitrine: { ...vitrine, model: recipe.config } }
    },
    record !== stored,
  )
  return {
    setup: {
      data: data.name,
      classes: dataset.classes,
      passedOver: data.passedOver,
      dataNotes: [...(data.notes ?? []), ...plan.notes],
      examples: dataset.length,
      validation: validation?.length ?? 0,
      test: test?.length ?? 0,
      splitNames: data.splitNames ?? {},
      classCounts: countsOf(dataset),
      recipe,
      extensions: record?.extensions,
      from:
        start && weights
          ? {
              model: start.name,
              newHead: weights.newHead,
              notes: start.model.notes ?? [],
              positionsFrom: positionsFrom(start.model.config, recipe.config),
            }
          : null,
      teacher: platform.teacher ?? null,
    },
    plan: async () => (await import("./plan.ts")).classifierRun(recipe),
    events: (place) =>
      trainOn({
        ...place,
        strict: options.strict ?? false,
        dataset,
        validation,
        test,
        recipe,
        backend,
        openLoader: platform.openLoader,
        initial: weights?.initial,
        teacher: teacher?.teach,
        checkpointEvery,
      }),
  }
}

/** @throws VitrineError (config) for data from which a classifier cannot learn */
function checkClasses({ classes, labelSets }: Dataset, name: string): void {
  if (labelSets === undefined && classes.length < 2)
    throw new VitrineError(
      "config",
      `${name}: all its images are of one class, ${JSON.stringify(classes[0] ?? "")}: a classifier needs two or more, each in a folder of its own`,
    )
}

/** The batches of a pass over the training data. */
function passOf({ batchSize, dropLast }: ResolvedRecipe, { length }: Dataset): number {
  return dropLast ? Math.floor(length / batchSize) : Math.ceil(length / batchSize)
}

/** The number of examples of each class. */
function countsOf({ classes, labels, labelSets }: Dataset): number[] {
  const counts = classes.map(() => 0)
  for (const label of labelSets?.classes ?? labels) if (label < counts.length) counts[label] = (counts[label] ?? 0) + 1
  return counts
}

/** The image size of the source model if its learned positions are resized for the new model, otherwise null. */
function positionsFrom(from: ModelConfig, to: ModelConfig): readonly [number, number] | null {
  return attentionOf(to) !== null && from.imageSize.join() !== to.imageSize.join() ? from.imageSize : null
}

/** @throws VitrineError (config) for data whose classes differ from those that a run has learned */
function checkSameClasses(learned: readonly string[], classNames: readonly string[], data: string): void {
  if (learned.length === 0 || classNames.length === 0) return
  const missing = learned.filter((name) => !classNames.includes(name))
  const added = classNames.filter((name) => !learned.includes(name))
  if (missing.length === 0 && added.length === 0) return
  const list = (names: readonly string[]): string => names.map((name) => JSON.stringify(name)).join(", ")
  throw new VitrineError(
    "config",
    `${data}: its classes are no longer those of the run: ${[
      ...(missing.length > 0 ? [`${list(missing)} ${missing.length === 1 ? "is" : "are"} missing`] : []),
      ...(added.length > 0 ? [`${list(added)} ${added.length === 1 ? "is" : "are"} new`] : []),
    ].join(", ")}; restore the folders, or start a new run from its weights (--from)`,
  )
}

/**
 * Adds the objective to a recipe, as the labels of the data require.
 * @throws VitrineError (config) for a recipe that learns one class, with data whose images may have several labels
 */
function withObjective(recipe: Recipe, { name, labelSets }: Dataset): Recipe {
  const several = labelSets !== undefined
  const { task = defaultObjective(several) } = recipe
  if (several && learnsClasses(task) && !learnsSeveralLabels(task))
    throw new VitrineError(
      "config",
      `${name}: its images may have several labels, and task ${task} learns one class: leave it out, or say multi-label (--task multi-label)`,
    )
  return { ...recipe, task }
}

/** @throws VitrineError (config) for data whose files differ from those at the beginning of the run */
function checkSameFiles(begun: Listing, { name, listing }: TrainingData): void {
  if (!listing || listing.digest === begun.digest) return
  const facts = ({ files, bytes }: Listing): string =>
    `${files.toLocaleString("en")} files of ${bytes.toLocaleString("en")} bytes`
  throw new VitrineError(
    "config",
    `${name}: its images are no longer those of the run, which began with ${facts(begun)}; now there are ${facts(listing)}: restore them, or start a new run from its weights (--from)`,
  )
}

/** The way to a run's recipe. A run that starts from a model must open that model first. */
interface RecipePlan {
  /** The hints in the recipe about that model. */
  readonly hints: ModelHints
  /** Changes of the recipe that the data require, a line each. */
  readonly notes: readonly string[]
  resolve(start: StartingModel | undefined): ResolvedRecipe
}

function storedPlan(recipe: ResolvedRecipe): RecipePlan {
  return { hints: hintsFrom(recipe.config), notes: [], resolve: () => recipe }
}

async function newPlan(
  { recipe: rule, lowersBatch = false }: Pick<ClassifierOptions<unknown>, "recipe" | "lowersBatch">,
  { train: dataset, validation, test }: TrainingData,
  seed: number,
  teacher: string | undefined,
): Promise<RecipePlan> {
  const facts = await factsOf(dataset)
  const base = recipeFor(rule, facts)
  const { examples } = facts
  const isLowered = lowersBatch && base.dropLast === true && base.batchSize !== undefined && base.batchSize > examples
  const fitting = isLowered ? { ...base, batchSize: examples } : base
  const rules = await withArchitecture(withObjective(fitting, dataset))
  // A test split chooses no checkpoint, unless the recipe asks for it.
  const isTested = validation === undefined && test !== undefined
  const draft = isTested && rules.best === undefined ? { ...rules, best: "last" as const } : rules
  const recipe = teacher === undefined ? draft : { distillation: {}, ...draft }
  return {
    hints: hintsFrom(draft.model),
    notes: isLowered
      ? [`a batch is all ${examples} images: the recipe's batch of ${base.batchSize} is lowered (else: --batch-size)`]
      : [],
    resolve(start) {
      const images = validation?.length ?? 0
      const best = recipe.best ?? fewImagesBest(recipe, facts, images, start !== undefined)
      const chosen = { ...recipe, ...(best && { best }) }
      if (start === undefined) return resolveRecipe(chosen, facts, seed)
      const { model, name } = start
      const complete = recipeFrom(chosen, model, classesOf(recipe, dataset), name)
      return resolveRecipe(complete, factsFor(facts, model.config), seed)
    },
  }
}
