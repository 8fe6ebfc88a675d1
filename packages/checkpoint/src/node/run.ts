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
import { copyFile, link, lstat, readdir, rename, rm, rmdir, stat } from "node:fs/promises"
import { join, resolve } from "node:path"
import { fileError, shown } from "../errors.ts"
import { toJson } from "../json.ts"
import {
  type Checkpoint,
  type CheckpointInfo,
  isCheckpoint,
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
  refuseLink,
  removeFolderAtomic,
  temporaryPath,
  writeFileAtomic,
} from "./files.ts"
import { type Lock, lock } from "./lock.ts"
import { type MetricsEvent, type MetricsLog, openMetrics, truncateMetrics } from "./metrics.ts"

const names = {
  config: "config.json",
  model: "model.safetensors",
  metrics: "metrics.jsonl",
  checkpoints: "checkpoints",
  lock: "run.lock",
} as const

/** How a run folder is kept. */
export interface RunOptions {
  /** The number of newest checkpoints to keep, besides the best one; 2 by default. */
  readonly keepLast?: number | undefined
  /** Whether to resume a run that another process may still write. That process then ends at its next write. */
  readonly takeOver?: boolean | undefined
}

/** A run that only this process writes, until `close`. */
export interface RunFolder {
  readonly path: string
  /** The checkpoints of the folder, by step. */
  readonly checkpoints: readonly CheckpointInfo[]
  /** Replaces `config.json`. */
  writeConfig(config: object): Promise<void>
  /**
   * Adds a line to `metrics.jsonl`. The events of a step must be added before the step's checkpoint is saved: a resumed
   * run keeps the events up to its checkpoint, and writes the later ones again.
   */
  appendMetrics(event: MetricsEvent): void
  /**
   * Saves a checkpoint, whole or not at all. Then it publishes the best model, or else the last one, as
   * `model.safetensors`, and deletes the checkpoints that are neither the best nor among the last. The tensors must not
   * change until it is done.
   * @throws VitrineError (file), such as for a full disk; earlier checkpoints then stay as they are
   */
  saveCheckpoint(checkpoint: NewCheckpoint): Promise<CheckpointInfo>
  /** Releases the lock. */
  close(): Promise<void>
  /** Closes a failed run, and removes its folder if it has no checkpoint and no metrics. */
  discard(): Promise<void>
}

/** A run folder that was opened to continue. */
export interface ResumedRun {
  readonly run: RunFolder
  /** The parsed `config.json`. */
  readonly config: unknown
  /** The checkpoint from which the run continues, or null if it starts again. */
  readonly checkpoint: Checkpoint | null
  /** The errors of broken checkpoints, which are passed over. */
  readonly damaged: readonly Error[]
}

/**
 * Begins a run in a folder that is empty or does not exist.
 * @param config the content of `config.json`, such as from `toTimmConfig`
 * @throws VitrineError (file) if the folder is not empty
 */
export async function createRun(path: string, config: object, options: RunOptions = {}): Promise<RunFolder> {
  checkOptions(path, options)
  refusePromise(join(path, names.config), config)
  await explaining(path, "create the run", () => makeFolder(resolve(path)))
  await refuseUsed(path)
  const runLock = await lock(join(path, names.lock))
  try {
    // Another process may have begun a run before this one took the lock.
    await refuseUsed(path)
    await recoverFolder(path, () => false)
    await explaining(path, "create the run", () => makeFolder(join(path, names.checkpoints)))
    const run = openRun(path, [], runLock, options)
    await run.writeConfig(config)
    return run
  } catch (error) {
    await runLock.release()
    throw error
  }
}

/**
 * Opens a run to continue it. It removes the remains of a killed process, reads the newest complete checkpoint, and
 * drops the metrics after it. If `keepLast` is given, it removes the checkpoints that a save would remove.
 * @throws VitrineError (file) if there is no run, or another process writes it
 */
export async function resumeRun(path: string, options: RunOptions = {}): Promise<ResumedRun> {
  checkOptions(path, options)
  await refuseNoRun(path)
  const runLock = await lock(join(path, names.lock), { takeOver: options.takeOver })
  try {
    const config = await readJson(join(path, names.config))
    const folder = join(path, names.checkpoints)
    for (const file of [folder, join(path, names.metrics)]) await refuseLink(file)
    await explaining(folder, "create", () => makeFolder(folder))
    await recoverFolder(path, () => false)
    await recoverFolder(folder, isCheckpoint)
    const { checkpoints, errors: damaged } = await listCheckpoints(folder)
    const newest = checkpoints.at(-1)
    const checkpoint = newest === undefined ? null : await readCheckpoint(newest)
    await truncateMetrics(join(path, names.metrics), checkpoint?.step ?? -1)
    await publish(path, checkpoints, runLock)
    // A kill or a full disk may have ended the last process between its checkpoint and the removal of older ones.
    const kept = options.keepLast === undefined ? checkpoints : await keptOf(checkpoints, options.keepLast, runLock)
    return { run: openRun(path, kept, runLock, options), config, checkpoint, damaged }
  } catch (error) {
    await runLock.release()
    throw error
  }
}

/**
 * The newest complete checkpoint of a run, or null if there is none. Another process may be writing the run.
 * @throws VitrineError (file)
 */
export async function latestCheckpoint(path: string): Promise<CheckpointInfo | null> {
  await refuseNoRun(path)
  return (await listCheckpoints(join(path, names.checkpoints))).checkpoints.at(-1) ?? null
}

function openRun(
  path: string,
  stored: readonly CheckpointInfo[],
  runLock: Lock,
  { keepLast = 2 }: RunOptions,
): RunFolder {
  let checkpoints = stored
  let metrics: MetricsLog | undefined
  const close = async (): Promise<void> => {
    metrics?.close()
    metrics = undefined
    await runLock.release()
  }
  return {
    path: resolve(path),
    get checkpoints() {
      return checkpoints
    },
    async writeConfig(config) {
      const file = join(path, names.config)
      refusePromise(file, config)
      await writeFileAtomic(file, toJson(config, file, "text", 2), { beforeRename: () => runLock.check() })
    },
    appendMetrics(event) {
      runLock.check(20)
      metrics ??= openMetrics(join(path, names.metrics))
      metrics.append(event)
    },
    async saveCheckpoint(checkpoint) {
      metrics?.sync()
      const saved = await writeCheckpoint(join(path, names.checkpoints), checkpoint, () => runLock.check())
      checkpoints = [...checkpoints.filter(({ step }) => step !== saved.step), saved].sort((a, b) => a.step - b.step)
      await publish(path, checkpoints, runLock)
      checkpoints = await keptOf(checkpoints, keepLast, runLock, saved)
      return saved
    },
    close,
    async discard() {
      try {
        runLock.check()
      } catch {
        // The folder belongs to another process, or is gone.
        return close()
      }
      const begun: readonly string[] = [names.checkpoints, names.config, names.lock]
      const files = await readdir(path).catch(() => [])
      const empty = checkpoints.length === 0 && files.every((name) => begun.includes(name))
      await close()
      if (!empty) return
      await rm(join(path, names.config), { force: true })
      // Only empty folders are removed.
      await rmdir(join(path, names.checkpoints))
        .then(() => rmdir(path))
        .catch(() => {})
    },
  }
}

/** Removes the checkpoints that are neither the best nor among the last, nor `saved`. Returns the others. */
async function keptOf(
  checkpoints: readonly CheckpointInfo[],
  keepLast: number,
  runLock: Lock,
  saved?: CheckpointInfo,
): Promise<readonly CheckpointInfo[]> {
  const keep = new Set([...checkpoints.slice(-keepLast), bestCheckpoint(checkpoints), saved])
  for (const each of checkpoints)
    if (!keep.has(each)) {
      runLock.check()
      await removeFolderAtomic(each.path)
    }
  return checkpoints.filter((each) => keep.has(each))
}

function refusePromise(file: string, config: unknown): void {
  if (config instanceof Promise) throw fileError(file, "its content is a promise: await it, such as toTimmConfig's")
}

function checkOptions(path: string, { keepLast = 2 }: RunOptions): void {
  if (!Number.isSafeInteger(keepLast) || keepLast < 1)
    throw fileError(path, `keepLast must be an integer of 1 or more, got ${shown(keepLast)}`)
}

/** Links or copies the best model, or else the last one, to `model.safetensors` of the folder. */
async function publish(path: string, checkpoints: readonly CheckpointInfo[], runLock: Lock): Promise<void> {
  const source = bestCheckpoint(checkpoints) ?? checkpoints.at(-1)
  if (source === undefined) return
  const target = join(path, names.model)
  await explaining(target, "write", async () => {
    const temp = temporaryPath(path)
    try {
      await link(modelOf(source), temp).catch(async (error) => {
        if (!isSystemError(error, "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK")) throw error
        await copyFile(modelOf(source), temp)
      })
      runLock.check()
      await rename(temp, target)
    } finally {
      // To rename a link over another link to the same file does nothing and leaves both.
      await rm(temp, { force: true })
    }
  })
}

/** Refuses a folder with any files except those that a killed `createRun` leaves. */
async function refuseUsed(path: string): Promise<void> {
  const isOurs = async (name: string): Promise<boolean> =>
    name === names.lock || isTemporary(name) || (name === names.checkpoints && (await isEmptyFolder(join(path, name))))
  await explaining(path, "read", async () => {
    const files = await readdir(path)
    if (files.includes(names.config) && (files.includes(names.checkpoints) || files.includes(names.metrics)))
      throw fileError(path, "holds a run already: resume it, or choose another folder")
    for (const name of files)
      if (!(await isOurs(name)))
        throw fileError(path, `is not empty (it holds ${shown(name)}): choose a new folder for the run`)
  })
}

const isEmptyFolder = async (path: string): Promise<boolean> =>
  (await lstat(path)).isDirectory() && (await readdir(path)).length === 0

async function refuseNoRun(path: string): Promise<void> {
  await explaining(path, "resume", async () => {
    if (!(await stat(path)).isDirectory()) throw fileError(path, "cannot resume: it is not a folder")
    const files = await readdir(path)
    if (!files.includes(names.config) || !files.includes(names.checkpoints))
      throw fileError(path, `holds no run: ${names.config} or ${names.checkpoints}/ is missing`)
  })
}
