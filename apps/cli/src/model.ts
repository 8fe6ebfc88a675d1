import { type ImageInput, load, type Model } from "vitrine"
import { create } from "./backends.ts"

export interface ModelFlags {
  readonly model: string
  readonly backend: string
  readonly threads?: number
}

/** Loads a model, uses it and lets go of it. */
export async function withModel<T>(
  { model: path, backend: name, threads }: ModelFlags,
  use: (model: Model<ImageInput>) => Promise<T>,
): Promise<T> {
  // In this thread: there is nothing else to do while it computes, and a worker takes time to start.
  const backend = await create(name, { worker: false, ...(threads === undefined ? {} : { threads }) })
  try {
    const model = await load(path, { backend })
    try {
      return await use(model)
    } finally {
      await model.close()
    }
  } finally {
    await backend.close()
  }
}
