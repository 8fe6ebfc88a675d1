import {
  hintsOf,
  splitOverrides,
  imageModel,
  type ModelConfig,
  type Overrides,
  applyOverrides,
  type Preprocessing,
} from "@vitrine/checkpoint"
import { readModelFolder } from "@vitrine/checkpoint/node"
import { type Backend, graph, ops, type Programs, programs, rootScope, type Tensor, VitrineError } from "@vitrine/core"
import { type Dataset, normalize, type Transform } from "@vitrine/data"
import { createLoader, openDataset, resolveData, subset } from "@vitrine/data/node"
import {
  probeFeatures,
  type Features,
  fitByValidation,
  leastSquares,
  leastSquaresPenalties,
  linearScores,
  logisticRegression,
  logisticPenalties,
  neighbourVotes,
  pixelFeatures,
  probeAccuracy,
} from "@vitrine/trainer"
import { channelsOf, evaluationTransforms, fit } from "../preprocessing.ts"
import { recordOf } from "../record.ts"
import { type BackendOptions, createBackend } from "../../../node/backends.ts"
import { locate } from "../../../node/hub.ts"
import { constantsOf } from "./load.ts"

/** How frozen features are turned into classes. */
export type ProbeMethod =
  /** Regularised least squares onto −1 and 1, the paper's few-shot classifier; its penalty is chosen on held-out parts. */
  | "least-squares"
  /** Logistic regression; its penalty is chosen on held-out parts. */
  | "logistic"
  /** The weighted vote of the k nearest by cosine, DINO's. */
  | "knn"
  /** The class of the nearest by cosine. */
  | "nearest"
  /** The class of the nearest by cosine of the pixels themselves: what a model has to beat. */
  | "pixels"

export const probeMethods: readonly ProbeMethod[] = ["least-squares", "logistic", "knn", "nearest", "pixels"]

export interface ProbeOptions extends BackendOptions, Overrides {
  /** A path or `shapes`: what classifiers learn from, and where it has a validation set, what they are measured on. */
  readonly data?: string | undefined
  /** Other data to measure on: their validation set, or all of them where they have none. */
  readonly test?: string | undefined
  /** Names of the classes; all by default. */
  readonly classes?: readonly string[] | undefined
  /** Training images of each class, one number for each experiment; by default all images are taken, once. */
  readonly shots?: readonly number[] | undefined
  /** How many times images are drawn for a number of shots, with seeds 0, 1, …; 3 by default. */
  readonly seeds?: number | undefined
  /** All by default. */
  readonly methods?: readonly ProbeMethod[] | undefined
  /** Neighbours that vote; 20 by default. */
  readonly k?: number | undefined
  /** Of their votes; 0.07 by default. */
  readonly temperature?: number | undefined
  /** 64 by default; no influence on the result. */
  readonly batchSize?: number | undefined
  /** Threads that prepare images; 1 by default. */
  readonly workers?: number | undefined
  /** A name, or a backend that is yours to close; `auto` by default. */
  readonly backend?: string | Backend | undefined
}

export interface ProbeResult {
  readonly method: ProbeMethod
  /** Training images of each class; null for all. */
  readonly shots: number | null
  /** Mean over the seeds. */
  readonly accuracy: number
  /** By seed. */
  readonly accuracies: readonly number[]
  /** The penalties that were chosen, by seed; for linear classifiers. */
  readonly l2?: readonly number[]
}

export interface Probe {
  readonly data: string
  readonly classes: readonly string[]
  /** Images to learn from, before any are drawn, and to measure on. */
  readonly examples: number
  readonly test: number
  /** Width of the features. */
  readonly width: number
  readonly results: readonly ProbeResult[]
}

/**
 * Measures how well a model's frozen features tell the classes of data, by classifiers that learn in closed form or by
 * looking examples up; nothing of the model is trained.
 *
 *     const { results } = await probe("vit_tiny", { data: "flowers", shots: [5, 10] })
 *
 * @throws VitrineError (file, config, backend)
 */
export async function probe(path: string, options: ProbeOptions = {}): Promise<Probe> {
  const { threads, worker, workers = 1 } = options
  const { batchSize = 64, backend: wanted = "auto", classes, shots, seeds = 3, methods = probeMethods } = options
  checkCounts(options)
  const [overrides] = splitOverrides(options)
  const folder = await readModelFolder((await locate(path)).path, hintsOf(overrides))
  const closing: (() => Promise<void>)[] = [folder.weights.close]
  try {
    const { config, preprocessing } = applyOverrides(folder, overrides, path)
    const record = recordOf(folder.json)
    const data = options.data ?? record?.data
    if (data === undefined) throw new VitrineError("config", "probe needs data: a path, or shapes")
    const { seed = 0, valFraction = 0.1 } = record ?? {}
    const found = await resolveData(data, { seed, valFraction })
    const measured =
      options.test === undefined ? found.val : ((await resolveData(options.test)).val ?? (await whole(options.test)))
    if (measured === null) throw new VitrineError("config", `${data}: has no images to measure on; name test data`)
    const open = async (source: typeof found.train): Promise<Dataset> => {
      const dataset = await openDataset(source)
      if (dataset.close) closing.push(dataset.close)
      return subset(dataset, { classes })
    }
    const train = await open(found.train)
    const test = await open(measured)
    if (test.classes.join("\n") !== train.classes.join("\n"))
      throw new VitrineError("config", `${options.test}: has other classes than ${data}`)

    const engine = { ...(threads === undefined ? {} : { threads }), ...(worker === undefined ? {} : { worker }) }
    const backend = typeof wanted === "string" ? await createBackend(wanted, engine) : wanted
    if (typeof wanted === "string") closing.push(backend.close)
    const { graph: pooledFeatures, width } = pooledGraph(config)
    const pooled = programs(backend, pooledFeatures, { constants: await constantsOf(folder, backend, config) })
    closing.push(pooled.dispose)

    const features = async (dataset: Dataset, transforms: readonly Transform[], run?: Programs): Promise<Features> => {
      const plan = { transforms, batchSize, epochs: 1 }
      const { source } = dataset
      const loader = await createLoader(source === undefined ? { ...plan, dataset } : { ...plan, source, workers })
      return run === undefined ? pixelFeatures(loader) : probeFeatures(run, loader)
    }
    const inputs = evaluationTransforms(preprocessing, config)
    const seen = (dataset: Dataset): Promise<Features> => features(dataset, inputs, pooled)
    const raw = (dataset: Dataset): Promise<Features> => features(dataset, rawTransforms(preprocessing, config))
    const onFeatures = methods.some((method) => method !== "pixels")
    const onPixels = methods.includes("pixels")
    const testFeatures = onFeatures ? await seen(test) : undefined
    const testPixels = onPixels ? await raw(test) : undefined

    const results: ProbeResult[] = []
    for (const perClass of shots ?? [undefined]) {
      const runs: ReadonlyMap<ProbeMethod, Outcome>[] = []
      for (let seed = 0; seed < (perClass === undefined ? 1 : seeds); seed++) {
        const known = subset(train, { perClass, seed })
        const own = onFeatures ? await seen(known) : undefined
        const pixels = onPixels ? await raw(known) : undefined
        const outcomes = new Map<ProbeMethod, Outcome>()
        for (const method of methods) {
          const [from, to] = method === "pixels" ? [pixels, testPixels] : [own, testFeatures]
          const counted = { ...options, classes: train.classes.length }
          outcomes.set(method, await measure(backend, method, from as Features, to as Features, counted))
        }
        runs.push(outcomes)
      }
      for (const method of methods) {
        const outcomes = runs.map((run) => run.get(method) as Outcome)
        const accuracies = outcomes.map(({ accuracy }) => accuracy)
        const l2 = outcomes.flatMap(({ l2 }) => (l2 === undefined ? [] : [l2]))
        const accuracy = accuracies.reduce((a, b) => a + b) / accuracies.length
        results.push({ method, shots: perClass ?? null, accuracy, accuracies, ...(l2.length > 0 && { l2 }) })
      }
    }
    return { data, classes: train.classes, examples: train.length, test: test.length, width, results }
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

interface Outcome {
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
  const right = (scores: ArrayLike<number>): number => probeAccuracy(scores, test.labels)
  switch (method) {
    case "least-squares":
    case "logistic": {
      const [fit, penalties] =
        method === "logistic" ? [logisticRegression, logisticPenalties] : [leastSquares, leastSquaresPenalties]
      const { classifier, l2 } = fitByValidation(fit, train, classes, penalties)
      return { accuracy: right(linearScores(classifier, test)), l2 }
    }
    case "knn":
      return { accuracy: right(await neighbourVotes(backend, train, test, classes, { k, temperature })) }
    case "nearest":
    case "pixels":
      return { accuracy: right(await neighbourVotes(backend, train, test, classes, { k: 1 })) }
  }
}

/** The validation set of data that have none is all of them. */
const whole = async (path: string): Promise<Awaited<ReturnType<typeof resolveData>>["train"]> =>
  (await resolveData(path, { valFraction: 0 })).train

/** The model up to what its head reads, `[batch, width]`. */
function pooledGraph(config: ModelConfig): { readonly graph: ReturnType<typeof graph>; readonly width: number } {
  const outputs: Record<string, Tensor> = {}
  const scope = rootScope({
    taps: ["pooled"],
    onTap: (name, t) => {
      outputs[name] = t
    },
  })
  imageModel(config).forward(scope, ops.input("images", ["batch", ...config.imageSize, config.channels]))
  return { graph: graph({ outputs }), width: outputs.pooled?.shape[1] as number }
}

/** To the model's size, in [0, 1]. */
function rawTransforms(preprocessing: Preprocessing, { channels }: ModelConfig): Transform[] {
  return [channelsOf(channels), ...fit(preprocessing), normalize(0, 1)]
}

function checkCounts({
  shots = [1],
  seeds = 3,
  k = 20,
  temperature = 0.07,
  methods = probeMethods,
}: ProbeOptions): void {
  const expect = (holds: boolean, message: string): void => {
    if (!holds) throw new VitrineError("config", `probe: ${message}`)
  }
  const positive = (n: number): boolean => Number.isSafeInteger(n) && n >= 1
  expect(shots.length > 0 && shots.every(positive), `shots must be positive integers, got ${shots.join(", ")}`)
  expect(positive(seeds), `seeds must be a positive integer, got ${seeds}`)
  expect(positive(k), `k must be a positive integer, got ${k}`)
  expect(temperature > 0 && temperature < Infinity, `temperature must be positive, got ${temperature}`)
  const stranger = methods.find((method) => !probeMethods.includes(method))
  expect(stranger === undefined, `there is no method ${stranger}; there are ${probeMethods.join(", ")}`)
}
