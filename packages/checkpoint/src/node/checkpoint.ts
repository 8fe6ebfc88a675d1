import { readdir } from "node:fs/promises"
import { join } from "node:path"
import type { StoredTensor } from "@vitrine/archive"
import { fileError, shown } from "../errors.ts"
import { isObject, toJson } from "../json.ts"
import { writeSafetensors } from "../safetensors.ts"
import { explaining, isSystemError, readJson, writeFolderAtomic, writeNewFile } from "./files.ts"
import type { CheckpointScore } from "../best.ts"
import { openSafetensors } from "./open.ts"

/** The names of the files in a checkpoint's folder. */
const files = { model: "model.safetensors", training: "training.safetensors", state: "state.json" } as const

/** A checkpoint of a run: its step, folder and score. */
export interface CheckpointInfo extends CheckpointScore {
  readonly step: number
  readonly path: string
}

/** The data with which a training continues as if it had never stopped. */
export interface Checkpoint extends CheckpointInfo {
  /** The model's parameters by timm's names. */
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** Slots of the optimizer, moving averages, accumulators. */
  readonly trainingTensors: ReadonlyMap<string, StoredTensor>
  /** The loop's state. */
  readonly state: unknown
}

/** What is known of a model that becomes a checkpoint. */
export interface NewCheckpoint {
  /** The number of steps so far. */
  readonly step: number
  /**
   * The score of the model. Higher is better, so a loss needs the opposite sign. A number that is not finite means
   * unknown.
   */
  readonly score?: number | null | undefined
  /** The loss on validation data, which decides between equal scores. A number that is not finite means unknown. */
  readonly loss?: number | null | undefined
  readonly tensors: Iterable<readonly [name: string, tensor: StoredTensor]>
  readonly trainingTensors: Iterable<readonly [name: string, tensor: StoredTensor]>
  /** The loop's state: plain JSON data with finite numbers, at most a million values in 16 MiB. */
  readonly state: unknown
}

/** Whether a name is that of a checkpoint's folder. */
export const isCheckpoint = (name: string): boolean => /^step-\d{8,}$/.test(name)

const folderName = (step: number): string => `step-${String(step).padStart(8, "0")}`

/** The path of the model in a checkpoint. */
export const modelOf = ({ path }: CheckpointInfo): string => join(path, files.model)

/**
 * Writes a checkpoint into `folder`, whole or not at all. It replaces one of the same step.
 * @param beforeRename throws if this process must not write any more
 */
export async function writeCheckpoint(
  folder: string,
  checkpoint: NewCheckpoint,
  beforeRename: () => void,
): Promise<CheckpointInfo> {
  const { step, tensors, trainingTensors, state } = checkpoint
  if (!Number.isSafeInteger(step) || step < 0) throw fileError(folder, `no checkpoint can have the step ${shown(step)}`)
  const [score, loss] = [finite(checkpoint.score), finite(checkpoint.loss)]
  const json = toJson({ step, score, loss, state: state ?? null }, folder, "state")
  const path = join(folder, folderName(step))
  // transformers refuses a file without the entry "format".
  const model = writeSafetensors(tensors, { format: "pt" })
  const training = writeSafetensors(trainingTensors)
  await writeFolderAtomic(path, async (temp) => {
    await writeNewFile(join(temp, files.model), model)
    await writeNewFile(join(temp, files.training), training)
    await writeNewFile(join(temp, files.state), [json])
    beforeRename()
  })
  return { step, score, loss, path }
}

const finite = (x: number | null | undefined): number | null => (Number.isFinite(x) ? (x ?? null) : null)

/** The complete checkpoints in `folder` by step, and the errors of the others. */
export async function listCheckpoints(folder: string): Promise<{ checkpoints: CheckpointInfo[]; errors: Error[] }> {
  const names = await explaining(folder, "read", () =>
    readdir(folder).catch((error) => {
      if (isSystemError(error, "ENOENT")) return []
      throw error
    }),
  )
  const checkpoints: CheckpointInfo[] = []
  const errors: Error[] = []
  for (const name of names) {
    const step = Number(/^step-(\d{8,})$/.exec(name)?.[1] ?? Number.NaN)
    if (folderName(step) !== name) continue
    try {
      checkpoints.push((await inspect(join(folder, name), step)).info)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      errors.push(error)
    }
  }
  return { checkpoints: checkpoints.sort((a, b) => a.step - b.step), errors }
}

/** Reads a checkpoint's state, and checks that its files are complete. */
async function inspect(path: string, step: number): Promise<{ info: CheckpointInfo; state: unknown }> {
  const file = join(path, files.state)
  const json = await readJson(file)
  const { step: stored, score = null, loss = null, state = null } = isObject(json) ? json : {}
  if (stored !== step) throw fileError(file, `says step ${shown(stored)}, but its folder says ${step}`)
  if (score !== null && typeof score !== "number") throw fileError(file, `has the score ${shown(score)}`)
  if (loss !== null && typeof loss !== "number") throw fileError(file, `has the loss ${shown(loss)}`)
  for (const name of [files.model, files.training]) await (await openSafetensors(join(path, name))).close()
  return { info: { step, score, loss, path }, state }
}

/** @throws VitrineError (file) */
export async function readCheckpoint({ path, step }: CheckpointInfo): Promise<Checkpoint> {
  const { info, state } = await inspect(path, step)
  return {
    ...info,
    state,
    tensors: await readTensors(join(path, files.model)),
    trainingTensors: await readTensors(join(path, files.training)),
  }
}

async function readTensors(path: string): Promise<Map<string, StoredTensor>> {
  const file = await openSafetensors(path)
  try {
    return await file.readAll()
  } finally {
    await file.close()
  }
}
