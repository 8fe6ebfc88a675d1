import { type HostData, type Parameter, type State, type TensorType, VitrineError } from "@vitrine/core"
import { emaName } from "./programs.ts"

export interface SavedTensor {
  readonly dtype: "F32" | "F64"
  readonly shape: readonly number[]
  readonly data: Float32Array | Float64Array
}

/** Where a run is written down; the run folders of `@vitrine/checkpoint` are such stores. */
export interface RunStore {
  appendMetrics(event: { readonly step: number; readonly [key: string]: unknown }): void
  saveCheckpoint(checkpoint: {
    readonly step: number
    readonly score: number | null
    readonly tensors: Iterable<readonly [name: string, tensor: SavedTensor]>
    readonly trainingTensors: Iterable<readonly [name: string, tensor: SavedTensor]>
    readonly state: unknown
  }): Promise<{ readonly path: string }>
}

/** A checkpoint as it was read back. */
export interface SavedRun {
  readonly step: number
  readonly path: string
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: unknown }>
  readonly trainingTensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: unknown }>
}

/**
 * Writes the training's slots down. The model that is published is the average where there is one; parameters that this does not
 * keep to the bit, being averaged or in float64, go with the training tensors.
 * @throws VitrineError (training) if a parameter is not finite, before anything is written.
 */
export async function save(
  store: RunStore,
  state: State,
  names: readonly string[],
  parameters: readonly Parameter[],
  { step, score }: { readonly step: number; readonly score: number | null },
): Promise<{ readonly path: string }> {
  const stored = async (name: string): Promise<SavedTensor> => {
    const data = await state.read(name)
    const shape = state.slots[name]?.shape as readonly number[]
    return data instanceof Float64Array ? { dtype: "F64", shape, data } : { dtype: "F32", shape, data: float32(data) }
  }
  const slots = new Map<string, SavedTensor>()
  for (const name of names) slots.set(name, await stored(name))
  const tensors: [string, SavedTensor][] = []
  for (const { name } of parameters) {
    const own = slots.get(name) as SavedTensor
    if (!own.data.every(Number.isFinite))
      throw new VitrineError("training", `step ${step}: parameter ${name} holds values that are not finite`)
    const published = slots.get(emaName(name)) ?? own
    tensors.push([name, { dtype: "F32", shape: own.shape, data: float32(published.data) }])
    if (published === own && own.dtype === "F32") slots.delete(name)
  }
  return store.saveCheckpoint({ step, score, tensors, trainingTensors: slots, state: null })
}

function float32(data: HostData): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from(data)
}

/**
 * The values of all slots from a checkpoint.
 * @throws VitrineError (file) if one is missing or of another size: the checkpoint belongs to another model or recipe.
 */
export function restoreTensors(run: SavedRun, slots: Readonly<Record<string, TensorType>>): Record<string, HostData> {
  return Object.fromEntries(
    Object.entries(slots).map(([name, { shape }]) => {
      const stored = run.trainingTensors.get(name) ?? run.tensors.get(name)
      if (stored === undefined)
        throw new VitrineError(
          "file",
          `${run.path}: has no "${name}", which this recipe trains: resume with the same recipe`,
        )
      if (
        stored.shape.join() !== shape.join() ||
        !(stored.data instanceof Float32Array || stored.data instanceof Float64Array)
      )
        throw new VitrineError("file", `${run.path}: "${name}" is [${stored.shape}], this recipe needs [${shape}]`)
      return [name, stored.data]
    }),
  )
}
