import { applyOverrides, hintsOf, type Overrides, splitOverrides } from "@vitrine/checkpoint"
import { readModelFolder } from "@vitrine/checkpoint/node"
import { type Backend, VitrineError } from "@vitrine/core"
import type { Dataset, DatasetSource } from "@vitrine/data"
import { createLoader, openDataset, subset } from "@vitrine/data/node"
import { openBackend } from "../../../node/backends.ts"
import { locateData } from "../../../node/data.ts"
import { locate } from "../../../node/hub.ts"
import { checkCounts, type Probe, type ProbeChoice, probeData } from "../probe.ts"
import { recordOf } from "../record.ts"
import { type ColumnChoice, dataChoiceOf, movedData } from "./data-choice.ts"
import { constantsOf } from "./load.ts"

/** Options of a probe. */
export interface ProbeOptions extends ProbeChoice, Overrides, ColumnChoice {
  /**
   * A path or `shapes`. Classifiers learn from the training set. They are measured on the validation set if there is
   * one.
   */
  readonly data?: string | undefined
  /** Other data for the measurement: their validation set, or all of them if they have none. */
  readonly test?: string | undefined
  /** The number of threads that prepare images; 1 by default. */
  readonly workers?: number | undefined
  /** A backend's name, or an open backend, which stays open; `auto` by default. */
  readonly backend?: string | Backend | undefined
  /** Threads of the engine; as many as there are cores by default. */
  readonly threads?: number
  /** Whether the engine runs in a worker; true by default. */
  readonly worker?: boolean
}

/**
 * Measures how well a model's frozen features separate the classes of data. The classifiers on the features are fitted
 * in closed form or by comparing examples. The model itself is not trained.
 *
 *     const { results } = await probe("hf:google/vit-base-patch16-224", { data: "flowers", shots: [5, 10] })
 *
 * @throws VitrineError (file, config, backend)
 */
export async function probe(path: string, options: ProbeOptions = {}): Promise<Probe> {
  const { workers = 1, classes } = options
  checkCounts(options)
  const [overrides] = splitOverrides(options)
  const folder = await readModelFolder((await locate(path)).path, hintsOf(overrides))
  const closers: (() => Promise<void>)[] = [folder.weights.close]
  try {
    const { config, preprocessing } = applyOverrides(folder, overrides, path)
    const record = recordOf(folder.json)
    const name = options.data ?? record?.data
    if (name === undefined) throw new VitrineError("config", "probe needs data: a path, or shapes")
    const { resolved, shown } = await locateData(
      name,
      dataChoiceOf(record, await movedData(path, record, options.data, options), options),
    )
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
    return await probeData(
      {
        config,
        preprocessing,
        data: shown,
        passedOver: resolved.passedOver,
        train,
        test,
        backend,
        constants: () => constantsOf(folder, backend, config),
        openLoader: ({ dataset, ...plan }) => {
          const { source } = dataset
          return createLoader(source === undefined ? { ...plan, dataset } : { ...plan, source, workers })
        },
        closeLater: (close) => void closers.push(close),
      },
      options,
    )
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

/** The validation set of test data, or all of the data if they have none. */
async function testSourceOf(path: string): Promise<DatasetSource> {
  const { val, test, splitNames } = (await locateData(path, {})).resolved
  const part = val !== null && splitNames.val === undefined ? null : val
  return part ?? test ?? (await locateData(path, { valFraction: 0 })).resolved.train
}
