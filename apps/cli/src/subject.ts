import type { HostTensor } from "@vitrine/core"
import { type ImageInput, loadDetector, loadReader, taskOf } from "vitrine"
import { create } from "./backends.ts"
import { localModel } from "./hub.ts"
import { type ModelFlags, refuseOverrides, withModel } from "./model.ts"
import { engineOptions } from "./options.ts"
import { errorColors, note } from "./output.ts"
import { detectorFigures } from "./show/detector-figures.ts"
import { type Figures, figures } from "./show/figures.ts"
import { readerFigures } from "./show/reader-figures.ts"
import { printable } from "./show/text.ts"

/** A model of any family, to be looked into. */
export interface Subject {
  readonly backend: string
  taps(): readonly { readonly name: string; readonly shape: readonly number[] }[]
  /** Intermediate values, each with a first dimension of 1. */
  inspect(image: ImageInput, taps: readonly string[]): Promise<Readonly<Record<string, HostTensor>>>
  readonly figures: Figures
}

export interface SubjectFlags extends ModelFlags {
  readonly dilation?: true
}

/** Loads a model of any family, uses it and lets go of it. */
export async function withSubject<T>(flags: SubjectFlags, use: (subject: Subject) => Promise<T>): Promise<T> {
  const { path } = await localModel(flags.model)
  const kind = ({ detect: "detector", read: "reader", classify: "classifier" } as const)[await taskOf(path)]
  if (kind === "classifier")
    return withModel(flags, (model) =>
      use({
        backend: model.backend.name,
        taps: model.taps,
        inspect: model.inspect,
        figures: (options) => figures({ ...options, path: flags.model, model }),
      }),
    )
  refuseOverrides(flags, kind, kind === "detector" ? ["numHeads"] : [])
  const backend = await create(flags.backend, { worker: false, ...engineOptions(flags) })
  try {
    if (kind === "reader") {
      const reader = await loadReader(path, { backend })
      const inspect: Subject["inspect"] = async (image, taps) => (await reader.inspect(image, taps)).taps
      const draw: Figures = (options) => readerFigures({ ...options, path, reader })
      return await use({ backend: backend.name, taps: reader.taps, inspect, figures: draw }).finally(reader.close)
    }
    const detector = await loadDetector(path, { backend, heads: flags.numHeads, dilated: flags.dilation })
    for (const line of detector.notes) note(errorColors.dim(`${printable(flags.model)}: ${printable(line)}`))
    const inspect: Subject["inspect"] = async (image, taps) => (await detector.inspect(image, taps)).taps
    const draw: Figures = (options) => detectorFigures({ ...options, path, detector })
    return await use({ backend: backend.name, taps: detector.taps, inspect, figures: draw }).finally(detector.close)
  } finally {
    await backend.close()
  }
}
