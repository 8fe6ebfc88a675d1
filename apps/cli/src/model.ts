import { type ImageInput, load, type Model } from "vitrine"
import { create } from "./backends.ts"
import { refuse } from "./errors.ts"
import { localModel } from "./hub.ts"
import { type EngineFlags, engineOptions, type OverrideFlags, overrideFlags, overridesOf } from "./options.ts"
import { errorColors, note } from "./output.ts"
import { printable } from "./show/text.ts"

export interface ModelFlags extends OverrideFlags, EngineFlags {
  readonly model: string
  readonly backend: string
}

/** Loads a model, uses it and lets go of it. */
export async function withModel<T>(flags: ModelFlags, use: (model: Model<ImageInput>) => Promise<T>): Promise<T> {
  const { backend: name } = flags
  const { path } = await localModel(flags.model)
  // In this thread: there is nothing else to do while it computes, and a worker takes time to start.
  const backend = await create(name, { worker: false, ...engineOptions(flags) })
  try {
    const model = await load(path, { backend, ...overridesOf(flags) })
    try {
      for (const line of model.notes) note(errorColors.dim(`${printable(flags.model)}: ${printable(line)}`))
      return await use(model)
    } finally {
      await model.close()
    }
  } finally {
    await backend.close()
  }
}

/** @throws UsageError for what only image classifiers can be told. */
export function refuseOverrides(
  flags: OverrideFlags,
  kind: "detector" | "reader",
  free: readonly (keyof OverrideFlags)[] = [],
): void {
  const names = overrideFlags.filter((name) => !free.includes(name))
  refuse(flags, names, `is for image classifiers, and the model is a ${kind}`)
}
