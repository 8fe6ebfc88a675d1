import { type Overrides, splitOverrides } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { createLoader, type Dataset, subset } from "@vitrine/data"
import { type BackendChoice, openBackend } from "../../../web/backend.ts"
import { locateModel, type ModelSource } from "../../../web/files.ts"
import { checkCounts, type Probe, type ProbeChoice, probeData } from "../probe.ts"
import { readModel } from "./load.ts"

/** Options of a probe in a page. */
export interface ProbeOptions extends ProbeChoice, BackendChoice, Overrides {
  /** The images from which classifiers learn, and those on which they are measured. They stay open. */
  readonly data: { readonly train: Dataset; readonly test: Dataset }
}

/**
 * Measures in a page how well a model's frozen features separate the classes of data. The model is not trained. This
 * thread prepares the data.
 * @throws VitrineError (file, config, backend)
 */
export async function probe(source: ModelSource, options: ProbeOptions): Promise<Probe> {
  const { data, classes, shots, seeds, methods, k, temperature, batchSize, ...overriding } = options
  checkCounts(options)
  const [overrides, engine] = splitOverrides(overriding)
  const [train, test] = [subset(data.train, { classes }), subset(data.test, { classes })]
  if (test.classes.join("\n") !== train.classes.join("\n"))
    throw new VitrineError("config", `${test.name}: has other classes than ${train.name}`)
  const { config, preprocessing, weights } = await readModel(await locateModel(source), overrides)
  const { backend, close } = await openBackend(engine)
  const closers = [close]
  try {
    return await probeData(
      {
        config,
        preprocessing,
        data: train.name,
        passedOver: [],
        train,
        test,
        backend,
        constants: async () => weights,
        openLoader: createLoader,
        closeLater: (close) => void closers.push(close),
      },
      { shots, seeds, methods, k, temperature, batchSize },
    )
  } finally {
    for (const close of closers.reverse()) await close()
  }
}
