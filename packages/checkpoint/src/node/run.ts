/**
 * A run folder is a model folder as timm publishes them, with what training needs beside:
 *
 *     config.json            architecture, preprocessing, labels, recipe
 *     model.safetensors      the best model so far, or the last
 *     metrics.jsonl          one event a line
 *     checkpoints/step-00001200/{model,training}.safetensors, state.json
 *     run.lock               while a process writes
 */
import { bestCheckpoint } from "../best.ts"
import { copyFile, link, readdir, rename, rm, rmdir, stat } from "node:fs/promises"
import { join, resolve } from "node:path"
import { fileError, shown } from "../errors.ts"
import { toJson } from "../json.ts"
import {
  type Checkpoint,
  type CheckpointInfo,
  listCheckpoints,
  modelOf,
  type NewCheckpoint,
  readCheckpoint,
  writeCheckpoint,
} from "./checkpoint.ts"
import {
  explaining,
  isSystemError,
  isTemporary,
  makeFolder,
  readJson,
  recoverFolder,
  removeFolderAtomic,
  temporaryPath,
  writeFileAtomic,
} from "./files.ts"
import { lock } from "./lock.ts"
import { type MetricsEvent, type MetricsLog, openMetrics, truncateMetrics } from "./metrics.ts"

const names = {
  config: "config.json",
  model: "model.safetensors",
  metrics: "metrics.jsonl",
  checkpoints: "checkpoints",
  lock: "run.lock",
} as const

export interface RunOptions {
  /** Newest checkpoints that are kept beside the best one; 2 unless told. */
  readonly keepLast?: number | undefined
}

/** A run that this process alone writes, until `close`. */
export interface RunFolder {
  readonly path: string
  /** The checkpoints that are kept, by step. */
  readonly checkpoints: readonly CheckpointInfo[]
  /** Replaces `config.json`. */
  writeConfig(config: object): Promise<void>
  /**
   * Adds a line to `metrics.jsonl`. What belongs to a step must be added before the checkpoint of that step is saved:
   * a resumed run keeps the events up to its checkpoint and writes the later ones again.
   */
  appendMetrics(event: MetricsEvent): void
  /**
   * Saves a checkpoint, whole or not at all, publishes the best (or else the last) model as `model.safetensors` and
   * deletes the checkpoints that are neither best nor among the last. The tensors must not change until it is done.
   * @throws VitrineError (file), such as for a full disk; the earlier checkpoints are then as they were.
   */
  saveCheckpoint(checkpoint: NewCheckpoint): Promise<CheckpointInfo>
  /** Gives up the lock. */
  close(): Promise<void>
  /** Closes a run that has come to nothing, and removes the folder if it holds no checkpoint and no metrics. */
  discard(): Promise<void>
}

export interface ResumedRun {
  readonly run: RunFolder
  /** `config.json`, as it stands. */
  readonly config: unknown
  /** Where to go on; null if the run ended before its first checkpoint, and starts anew. */
  readonly checkpoint: Checkpoint | null
  /** What is wrong with checkpoints that were passed over because a file of theirs is broken. */
  readonly damaged: readonly Error[]
}

/**
 * Begins a run in a folder that is empty or does not exist.
 * @param config what `config.json` will hold, as from `toTimmConfig`.
 * @throws VitrineError (file) if the folder holds anything, a run among others.
 */
export async function createRun(path: string, config: object, options: RunOptions = {}): Promise<RunFolder> {
  checkOptions(path, options)
  await explaining(path, "create the run", () => makeFolder(resolve(path)))
  await refuseUsed(path)
  const unlock = await lock(join(path, names.lock))
  try {
    // Another process may have begun a run between the look and the lock.
    await refuseUsed(path)
    await recoverFolder(path)
    await explaining(path, "create the run", () => makeFolder(join(path, names.checkpoints)))
    const run = openRun(path, [], unlock, options)
    await run.writeConfig(config)
    return run
  } catch (error) {
    await unlock()
    throw error
  }
}

/**
 * Goes on with a run: clears away what a kill left, finds the newest sound checkpoint and drops the metrics after it.
 * @throws VitrineError (file) if there is no run, or another process writes it.
 */
export async function resumeRun(path: string, options: RunOptions = {}): Promise<ResumedRun> {
  checkOptions(path, options)
  await refuseNoRun(path)
  const unlock = await lock(join(path, names.lock))
  try {
    const config = await readJson(join(path, names.config))
    const folder = join(path, names.checkpoints)
    await explaining(folder, "create", () => makeFolder(folder))
    await recoverFolder(path)
    await recoverFolder(folder)
    const { sound, damaged } = await listCheckpoints(folder)
    const newest = sound.at(-1)
    const checkpoint = newest === undefined ? null : await readCheckpoint(newest)
    await truncateMetrics(join(path, names.metrics), checkpoint?.step ?? -1)
    await publish(path, sound)
    return { run: openRun(path, sound, unlock, options), config, checkpoint, damaged }
  } catch (error) {
    await unlock()
    throw error
  }
}

/**
 * The newest sound checkpoint of a run, which may be running; null if there is none.
 * @throws VitrineError (file)
 */
export async function latestCheckpoint(path: string): Promise<CheckpointInfo | null> {
  await refuseNoRun(path)
  return (await listCheckpoints(join(path, names.checkpoints))).sound.at(-1) ?? null
}

function openRun(
  path: string,
  found: readonly CheckpointInfo[],
  unlock: () => Promise<void>,
  { keepLast = 2 }: RunOptions,
): RunFolder {
  let checkpoints = found
  let metrics: MetricsLog | undefined
  const close = async (): Promise<void> => {
    metrics?.close()
    metrics = undefined
    await unlock()
  }
  return {
    path: resolve(path),
    get checkpoints() {
      return checkpoints
    },
    async writeConfig(config) {
      const file = join(path, names.config)
      await writeFileAtomic(file, toJson(config, file, "text", 2))
    },
    appendMetrics(event) {
      metrics ??= openMetrics(join(path, names.metrics))
      metrics.append(event)
    },
    async saveCheckpoint(checkpoint) {
      metrics?.sync()
      const saved = await writeCheckpoint(join(path, names.checkpoints), checkpoint)
      checkpoints = [...checkpoints.filter(({ step }) => step !== saved.step), saved].sort((a, b) => a.step - b.step)
      await publish(path, checkpoints)
      const kept = new Set([...checkpoints.slice(-keepLast), bestCheckpoint(checkpoints), saved])
      for (const old of checkpoints) if (!kept.has(old)) await removeFolderAtomic(old.path)
      checkpoints = checkpoints.filter((each) => kept.has(each))
      return saved
    },
    close,
    async discard() {
      const begun: readonly string[] = [names.checkpoints, names.config, names.lock]
      const empty = checkpoints.length === 0 && (await readdir(path)).every((name) => begun.includes(name))
      await close()
      if (!empty) return
      await rm(join(path, names.config), { force: true })
      // These two go only while they are empty.
      await rmdir(join(path, names.checkpoints))
        .then(() => rmdir(path))
        .catch(() => {})
    },
  }
}

function checkOptions(path: string, { keepLast = 2 }: RunOptions): void {
  if (!Number.isSafeInteger(keepLast) || keepLast < 1)
    throw fileError(path, `keepLast must be an integer of 1 or more, got ${shown(keepLast)}`)
}

/** Makes the best model, or else the last, the folder's own: by a hard link where the file system has them. */
async function publish(path: string, checkpoints: readonly CheckpointInfo[]): Promise<void> {
  const chosen = bestCheckpoint(checkpoints) ?? checkpoints.at(-1)
  if (chosen === undefined) return
  const target = join(path, names.model)
  await explaining(target, "write", async () => {
    const temp = temporaryPath(path)
    try {
      await link(modelOf(chosen), temp).catch(async (error) => {
        if (!isSystemError(error, "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK")) throw error
        await copyFile(modelOf(chosen), temp)
      })
      await rename(temp, target)
    } finally {
      // To rename a link over another of the same file does nothing, and leaves both.
      await rm(temp, { force: true })
    }
  })
}

/** What an empty folder may hold: what `createRun` itself leaves if it is killed. */
async function refuseUsed(path: string): Promise<void> {
  const isOurs = async (name: string): Promise<boolean> =>
    name === names.lock ||
    isTemporary(name) ||
    (name === names.checkpoints && (await readdir(join(path, name))).length === 0)
  await explaining(path, "read", async () => {
    const found = await readdir(path)
    if (found.includes(names.config) && (found.includes(names.checkpoints) || found.includes(names.metrics)))
      throw fileError(path, "holds a run already: resume it, or choose another folder")
    for (const name of found)
      if (!(await isOurs(name)))
        throw fileError(path, `is not empty (it holds ${shown(name)}): choose a new folder for the run`)
  })
}

async function refuseNoRun(path: string): Promise<void> {
  await explaining(path, "resume", async () => {
    if (!(await stat(path)).isDirectory()) throw fileError(path, "cannot resume: it is not a folder")
    const found = await readdir(path)
    if (!found.includes(names.config) || !found.includes(names.checkpoints))
      throw fileError(path, `holds no run: ${names.config} or ${names.checkpoints}/ is missing`)
  })
}
