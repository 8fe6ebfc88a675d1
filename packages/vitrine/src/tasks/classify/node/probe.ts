import {
  applyOverrides,
  hintsOf,
  imageModel,
  type ModelConfig,
  type Overrides,
  type Preprocessing,
  splitOverrides,
} from "@vitrine/checkpoint"
import { readModelFolder } from "@vitrine/checkpoint/node"
import { type Backend, ops, type Programs, programs, type Scope, type Tensor, VitrineError } from "@vitrine/core"
import { type BrokenExample, type Dataset, type DatasetSource, normalize, type Transform } from "@vitrine/data"
import { createLoader, openDataset, subset } from "@vitrine/data/node"
import {
  type Features,
  fitByValidation,
  leastSquares,
  leastSquaresPenalties,
  linearScores,
  logisticPenalties,
  logisticRegression,
  neighbourVotes,
  pixelFeatures,
  probeAccuracy,
  probeFeatures,
} from "@vitrine/trainer"
import { openBackend } from "../../../node/backends.ts"
import { locateData } from "../../../node/data.ts"
import { locate } from "../../../node/hub.ts"
import { tapGraph, tapShapes } from "../../../taps.ts"
import { type ColumnChoice, dataChoiceOf } from "./data-choice.ts"
import { channelsOf, evaluationTransforms, fit } from "../preprocessing.ts"
import { recordOf } from "../record.ts"
import { constantsOf } from "./load.ts"

/**
 * The classifiers on features:
 * - `least-squares`: regularised least squares with targets −1 and 1, the paper's few-shot classifier. Its penalty is
 *   chosen on parts of the training images.
 * - `logistic`: logistic regression. Its penalty is chosen on parts of the training images.
 * - `knn`: the weighted vote of the k nearest examples by cosine, as in DINO.
 * - `nearest`: the class of the nearest example by cosine.
 * - `pixels`: the class of the nearest example by the cosine of the pixels. A useful model must beat it.
 */
export const probeMethods = ["least-squares", "logistic", "knn", "nearest", "pixels"] as const
/** The names of the classifiers of a probe. */
export type ProbeMethod = (typeof probeMethods)[number]

/** Options of a probe. */
export interface ProbeOptions extends Overrides, ColumnChoice {
  /**
   * A path or `shapes`. Classifiers learn from the training set. They are measured on the validation set if there is
   * one.
   */
  readonly data?: string | undefined
  /** Other data for the measurement: their validation set, or all of them if they have none. */
  readonly test?: string | undefined
  /** The names of the classes; all by default. */
  readonly classes?: readonly string[] | undefined
  /**
   * The number of training images of each class, for each experiment. By default there is one experiment with all
   * images.
   */
  readonly shots?: readonly number[] | undefined
  /** The number of draws of training images for each number of shots, with seeds 0, 1, …; 3 by default. */
  readonly seeds?: number | undefined
  /** All methods by default. */
  readonly methods?: readonly ProbeMethod[] | undefined
  /** The number of neighbours that vote; 20 by default. */
  readonly k?: number | undefined
  /** The temperature of the votes; 0.07 by default. */
  readonly temperature?: number | undefined
  /** The number of images in a batch; 64 by default. It does not change the result. */
  readonly batchSize?: number | undefined
  /** The number of threads that prepare images; 1 by default. */
  readonly workers?: number | undefined
  /** A backend's name, or an open backend, which stays open; `auto` by default. */
  readonly backend?: string | Backend | undefined
  /** Threads of the engine; as many as there are cores by default. */
  readonly threads?: number
  /** Whether the engine runs in a worker; true by default. */
  readonly worker?: boolean
}

/** The accuracy of one classifier on frozen features. */
export interface ProbeResult {
  readonly method: ProbeMethod
  /** The number of training images of each class, or null for all. */
  readonly shots: number | null
  /** The mean accuracy over the seeds. */
  readonly accuracy: number
  /** The accuracy for each seed. */
  readonly accuracies: readonly number[]
  /** The penalty of the linear classifier for each seed. */
  readonly l2?: readonly number[]
}

/** How well frozen features tell the classes of some data. */
export interface Probe {
  readonly data: string
  readonly classes: readonly string[]
  /** The number of training images, from which shots are drawn. */
  readonly examples: number
  /** The number of images for the measurement. */
  readonly test: number
  /** The width of the features. */
  readonly width: number
  readonly results: readonly ProbeResult[]
  /** Files of the data that are passed over, a line for each kind with its number and an example. */
  readonly passedOver: readonly string[]
  /** The images that cannot be read, each with its fault. They are left out. */
  readonly broken: readonly string[]
}

/**
 * Measures how well a model's frozen features separate the classes of data. The classifiers on the features are fitted
 * in closed form or by comparing examples. The model itself is not trained.
 *
 *     const { results } = await probe("vit_tiny", { data: "flowers", shots: [5, 10] })
 *
 * @throws VitrineError (file, config, backend)
 */
export async function probe(path: string, options: ProbeOptions = {}): Promise<Probe> {
  const { batchSize = 64, workers = 1, classes, shots, seeds = 3, methods = probeMethods, k, temperature } = options
  checkCounts(options)
  const [overrides] = splitOverrides(options)
  const folder = await readModelFolder((await locate(path)).path, hintsOf(overrides))
  const closers: (() => Promise<void>)[] = [folder.weights.close]
  try {
    const { config, preprocessing } = applyOverrides(folder, overrides, path)
    const record = recordOf(folder.json)
    const name = options.data ?? record?.data
    if (name === undefined) throw new VitrineError("config", "probe needs data: a path, or shapes")
    const { resolved, shown } = await locateData(name, dataChoiceOf(record, options.data, options))
    const testSource = options.test === undefined ? (resolved.val ?? resolved.test) : await testSourceOf(options.test)
    if (testSource === null) throw new VitrineError("config", `${name}: has no images to measure on; name test data`)
    const open = async (source: DatasetSource): Promise<Dataset> => {
      const dataset = await openDataset(source)
      if (dataset.close) closers.push(dataset.close)
      return subset(dataset, { classes })
    }
    const train = await open(resolved.train)
    const test = await open(testSource)
    if (test.classes.join("\n") !== train.classes.join("\n"))
      throw new VitrineError("config", `${options.test}: has other classes than ${name}`)

    const { threads, worker } = options
    const { backend, close } = await openBackend({
      backend: options.backend,
      ...(threads === undefined ? {} : { threads }),
      ...(worker === undefined ? {} : { worker }),
    })
    closers.push(close)
    const forward = (scope: Scope): Tensor =>
      imageModel(config).forward(scope, ops.input("images", ["batch", ...config.imageSize, config.channels]))
    const program = programs(backend, tapGraph(["pooled"], forward), {
      constants: await constantsOf(folder, backend, config),
    })
    closers.push(program.dispose)

    const broken = new Set<string>()
    const onBroken = ({ message }: BrokenExample): void => void broken.add(message)
    const features = async (dataset: Dataset, transforms: readonly Transform[], run?: Programs): Promise<Features> => {
      const plan = { transforms, batchSize, epochs: 1, onBroken }
      const { source } = dataset
      const loader = await createLoader(source === undefined ? { ...plan, dataset } : { ...plan, source, workers })
      return run === undefined ? pixelFeatures(loader) : probeFeatures(run, loader)
    }
    const inputs = evaluationTransforms(preprocessing, config)
    const pixels = pixelTransforms(preprocessing, config)
    const inputKinds = [
      {
        methods: methods.filter((method) => method !== "pixels"),
        read: (dataset: Dataset) => features(dataset, inputs, program),
      },
      {
        methods: methods.filter((method) => method === "pixels"),
        read: (dataset: Dataset) => features(dataset, pixels),
      },
    ]
    const experiments: Experiment[] = []
    for (const { methods, read } of inputKinds)
      if (methods.length > 0) experiments.push({ methods, read, test: await read(test) })

    const measureOptions = { classes: train.classes.length, k, temperature }
    const results: ProbeResult[] = []
    for (const perClass of shots ?? [undefined]) {
      const outcomes: Outcome[] = []
      for (let seed = 0; seed < (perClass === undefined ? 1 : seeds); seed++)
        for (const { methods, read, test } of experiments) {
          const examples = await read(subset(train, { perClass, seed }))
          for (const method of methods) outcomes.push(await measure(backend, method, examples, test, measureOptions))
        }
      results.push(...methods.map((method) => summary(method, perClass ?? null, outcomes)))
    }
    const { shape: [, width = 0] = [] } = tapShapes(forward).find(({ name }) => name === "pooled") ?? {}
    return {
      data: shown,
      classes: train.classes,
      examples: train.length,
      test: test.length,
      width,
      results,
      passedOver: resolved.passedOver,
      broken: [...broken],
    }
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

/** An experiment of methods that share their features. */
interface Experiment {
  readonly methods: readonly ProbeMethod[]
  readonly read: (dataset: Dataset) => Promise<Features>
  readonly test: Features
}

interface Outcome {
  readonly method: ProbeMethod
  readonly accuracy: number
  readonly l2?: number
}

async function measure(
  backend: Backend,
  method: ProbeMethod,
  train: Features,
  test: Features,
  { classes, k, temperature }: Pick<ProbeOptions, "k" | "temperature"> & { readonly classes: number },
): Promise<Outcome> {
  const outcome = (scores: ArrayLike<number>): Outcome => ({ method, accuracy: probeAccuracy(scores, test.labels) })
  switch (method) {
    case "least-squares":
    case "logistic": {
      const [fit, penalties] =
        method === "logistic" ? [logisticRegression, logisticPenalties] : [leastSquares, leastSquaresPenalties]
      const { classifier, l2 } = fitByValidation(fit, train, classes, penalties)
      return { ...outcome(linearScores(classifier, test)), l2 }
    }
    case "knn":
      return outcome(await neighbourVotes(backend, train, test, classes, { k, temperature }))
    case "nearest":
    case "pixels":
      return outcome(await neighbourVotes(backend, train, test, classes, { k: 1 }))
  }
}

function summary(method: ProbeMethod, shots: number | null, outcomes: readonly Outcome[]): ProbeResult {
  const ofMethod = outcomes.filter((outcome) => outcome.method === method)
  const accuracies = ofMethod.map(({ accuracy }) => accuracy)
  const l2 = ofMethod.flatMap(({ l2 }) => (l2 === undefined ? [] : [l2]))
  const accuracy = accuracies.reduce((a, b) => a + b) / accuracies.length
  return { method, shots, accuracy, accuracies, ...(l2.length > 0 && { l2 }) }
}

/** The validation set of test data, or all of the data if they have none. */
async function testSourceOf(path: string): Promise<DatasetSource> {
  const { val, test, splitNames } = (await locateData(path, {})).resolved
  const part = val !== null && splitNames.val === undefined ? null : val
  return part ?? test ?? (await locateData(path, { valFraction: 0 })).resolved.train
}

/** Transforms to images of the model's size, in [0, 1]. */
function pixelTransforms(preprocessing: Preprocessing, { channels }: ModelConfig): Transform[] {
  return [channelsOf(channels), ...fit(preprocessing), normalize(0, 1)]
}

function checkCounts({
  shots = [1],
  seeds = 3,
  k = 20,
  temperature = 0.07,
  methods = probeMethods,
}: ProbeOptions): void {
  const expect = (condition: boolean, message: string): void => {
    if (!condition) throw new VitrineError("config", `probe: ${message}`)
  }
  const positive = (n: number): boolean => Number.isSafeInteger(n) && n >= 1
  expect(shots.length > 0 && shots.every(positive), `shots must be positive integers, got ${shots.join(", ")}`)
  expect(positive(seeds), `seeds must be a positive integer, got ${seeds}`)
  expect(positive(k), `k must be a positive integer, got ${k}`)
  expect(temperature > 0 && temperature < Infinity, `temperature must be positive, got ${temperature}`)
  const unknown = methods.find((method) => !probeMethods.includes(method))
  expect(unknown === undefined, `there is no method ${unknown}; there are ${probeMethods.join(", ")}`)
}
