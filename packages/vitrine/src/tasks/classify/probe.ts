import { imageModel, type ModelConfig, type Preprocessing } from "@vitrine/checkpoint"
import {
  type Backend,
  type CompileOptions,
  ops,
  type Programs,
  programs,
  type Scope,
  type Tensor,
  VitrineError,
} from "@vitrine/core"
import {
  type BrokenExample,
  type Dataset,
  type Loader,
  type LoaderOptions,
  normalize,
  subset,
  type Transform,
} from "@vitrine/data"
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
import { tapGraph, tapShapes } from "../../taps.ts"
import { channelsOf, evaluationTransforms, fit } from "./preprocessing.ts"

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

/** The options of a probe that Node and pages share. */
export interface ProbeChoice {
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

/** A model and data that are open. */
export interface ProbeParts {
  readonly config: ModelConfig
  readonly preprocessing: Preprocessing
  /** The name of the data for users. */
  readonly data: string
  readonly passedOver: readonly string[]
  readonly train: Dataset
  readonly test: Dataset
  readonly backend: Backend
  constants(): Promise<NonNullable<CompileOptions["constants"]>>
  openLoader(options: LoaderOptions & { readonly dataset: Dataset }): Promise<Loader>
  closeLater(close: () => Promise<void>): void
}

/** Fits classifiers on the features of a model and measures them. */
export async function probeData(parts: ProbeParts, options: ProbeChoice): Promise<Probe> {
  const { batchSize = 64, shots, seeds = 3, methods = probeMethods, k, temperature } = options
  const { config, preprocessing, train, test, backend } = parts
  const forward = (scope: Scope): Tensor =>
    imageModel(config).forward(scope, ops.input("images", ["batch", ...config.imageSize, config.channels]))
  const program = programs(backend, tapGraph(["pooled"], forward), {
    constants: await parts.constants(),
  })
  parts.closeLater(program.dispose)

  const broken = new Set<string>()
  const onBroken = ({ message }: BrokenExample): void => void broken.add(message)
  const features = async (dataset: Dataset, transforms: readonly Transform[], run?: Programs): Promise<Features> => {
    const plan = { transforms, batchSize, epochs: 1, onBroken }
    const loader = await parts.openLoader({ ...plan, dataset })
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
    data: parts.data,
    classes: train.classes,
    examples: train.length,
    test: test.length,
    width,
    results,
    passedOver: parts.passedOver,
    broken: [...broken],
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
  { classes, k, temperature }: Pick<ProbeChoice, "k" | "temperature"> & { readonly classes: number },
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

/** Transforms to images of the model's size, in [0, 1]. */
function pixelTransforms(preprocessing: Preprocessing, { channels }: ModelConfig): Transform[] {
  return [channelsOf(channels), ...fit(preprocessing), normalize(0, 1)]
}

/** @throws VitrineError (config) for options without a possible value */
export function checkCounts({
  shots = [1],
  seeds = 3,
  k = 20,
  temperature = 0.07,
  methods = probeMethods,
}: ProbeChoice): void {
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
