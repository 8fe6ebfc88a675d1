import { type ImageInput, load, type Model } from "vitrine"
import { create } from "./backends.ts"
import type { Values } from "./flags/flag.ts"
import { engineOptions, type MachineValues } from "./flags/machine.ts"
import { type overrideFlags, overridesOf } from "./flags/overrides.ts"
import { errorColors, note } from "./output.ts"
import { printable } from "./show/text.ts"

/** The flags of commands that use an image classifier. */
export type ModelValues = Values<typeof overrideFlags> & MachineValues & { readonly model: string }

/** Loads an image classifier from a path, uses it and closes it. */
export async function withModel<T>(
  path: string,
  flags: ModelValues,
  use: (model: Model<ImageInput>) => Promise<T>,
): Promise<T> {
  // The engine runs in this thread: the command has nothing else to do meanwhile, and a worker takes time to start.
  const backend = await create(flags.backend, { worker: false, ...engineOptions(flags) })
  try {
    const model = await load(path, { backend, ...overridesOf(flags) })
    try {
      showNotes(flags.model, model.notes)
      return await use(model)
    } finally {
      await model.close()
    }
  } finally {
    await backend.close()
  }
}

/** Writes the facts that the library assumed about a model. */
export function showNotes(model: string, notes: readonly string[]): void {
  for (const line of notes) note(errorColors.dim(`${printable(model)}: ${printable(line)}`))
}
