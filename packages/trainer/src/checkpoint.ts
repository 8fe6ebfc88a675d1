import { type HostData, type Parameter, type State, VitrineError } from "@vitrine/core"
import { emaName, type Slots } from "./programs.ts"

/** A tensor in a checkpoint. */
export interface SavedTensor {
  readonly dtype: "F32" | "F64"
  readonly shape: readonly number[]
  readonly data: Float32Array | Float64Array
}

/** A place for the checkpoints and metrics of a run, such as a run folder of `@vitrine/checkpoint`. */
export interface RunStore {
  appendMetrics(event: { readonly step: number; readonly [key: string]: unknown }): void
  saveCheckpoint(checkpoint: {
    readonly step: number
    readonly score: number | null
    /** The loss on validation data. It decides between checkpoints with equal scores. */
    readonly loss: number | null
    readonly tensors: Iterable<readonly [name: string, tensor: SavedTensor]>
    readonly trainingTensors: Iterable<readonly [name: string, tensor: SavedTensor]>
    readonly state: unknown
  }): Promise<{ readonly path: string }>
}

/** The content of a checkpoint. */
export interface SavedRun {
  readonly step: number
  readonly path: string
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: unknown }>
  readonly trainingTensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: unknown }>
  /** The state that it was saved with. */
  readonly state?: unknown
}

/** The state of a checkpoint that was saved before the evaluation of its step, which failed. */
const evaluationDue = { evaluation: "due" } as const

/** Whether a run that goes on from a checkpoint evaluates it first. */
export function isEvaluationDue({ state }: SavedRun): boolean {
  return (
    typeof state === "object" &&
    state !== null &&
    "evaluation" in state &&
    state.evaluation === evaluationDue.evaluation
  )
}

/**
 * Saves the slots of a training. The published model has the moving average of each parameter, if there is one. If
 * publishing would lose bits of a parameter, because it is averaged or in float64, the parameter itself is saved among
 * the training tensors too.
 * @throws VitrineError (training) if a parameter is not finite, before anything is written.
 */
export async function save(
  store: RunStore,
  state: State,
  slots: Slots,
  parameters: readonly Parameter[],
  { step, score, loss, isDue = false, more = {} }: SaveFacts,
): Promise<{ readonly path: string }> {
  const saved = async (name: string, shape: readonly number[]): Promise<SavedTensor> => {
    const data = await state.read(name)
    return data instanceof Float64Array ? { dtype: "F64", shape, data } : { dtype: "F32", shape, data: float32(data) }
  }
  const trainingTensors = new Map<string, SavedTensor>()
  for (const [name, { shape }] of Object.entries(slots)) trainingTensors.set(name, await saved(name, shape))
  const tensors: [string, SavedTensor][] = []
  for (const { name } of parameters) {
    const parameter = trainingTensors.get(name)
    if (parameter === undefined) throw new Error(`the training has no slot for ${name}`)
    if (!parameter.data.every(Number.isFinite))
      throw new VitrineError("training", `step ${step}: parameter ${name} holds values that are not finite`)
    const published = trainingTensors.get(emaName(name)) ?? parameter
    tensors.push([name, { dtype: "F32", shape: parameter.shape, data: float32(published.data) }])
    if (published === parameter && parameter.dtype === "F32") trainingTensors.delete(name)
  }
  const fields = { ...(isDue && evaluationDue), ...more }
  const stored = Object.keys(fields).length === 0 ? null : fields
  return store.saveCheckpoint({ step, score, loss, tensors, trainingTensors, state: stored })
}

export interface SaveFacts {
  readonly step: number
  readonly score: number | null
  readonly loss: number | null
  /** Whether the step's evaluation is due, but failed. */
  readonly isDue?: boolean
  /** Further fields of the checkpoint's state. */
  readonly more?: Readonly<Record<string, unknown>> | undefined
}

function float32(data: HostData): Float32Array {
  return data instanceof Float32Array ? data : Float32Array.from(data)
}

/**
 * Reads the values of all slots from a checkpoint.
 * @throws VitrineError (file) if a value is missing or has another size. The checkpoint then belongs to another model
 *   or recipe.
 */
export function restoreTensors(run: SavedRun, slots: Slots): Record<string, HostData> {
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
