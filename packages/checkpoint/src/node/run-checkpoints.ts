import { basename, dirname, join, resolve } from "node:path"
import { bestCheckpoint } from "../best.ts"
import { fileError } from "../errors.ts"
import { type CheckpointInfo, listCheckpoints } from "./checkpoint.ts"

const checkpointsOf = async (run: string): Promise<readonly CheckpointInfo[]> =>
  (await listCheckpoints(join(run, "checkpoints"))).checkpoints

/** The run to which a checkpoint's folder belongs, or undefined for other folders. */
export function runOfCheckpoint(folder: string): string | undefined {
  const path = resolve(folder)
  const isCheckpoint = /^step-\d{8,}$/.test(basename(path)) && basename(dirname(path)) === "checkpoints"
  return isCheckpoint ? dirname(dirname(path)) : undefined
}

/**
 * The checkpoint whose model a run publishes: the best one, or the newest if nothing was measured. Null if there is
 * none.
 */
export async function publishedCheckpoint(run: string): Promise<CheckpointInfo | null> {
  const checkpoints = await checkpointsOf(run)
  return bestCheckpoint(checkpoints) ?? checkpoints.at(-1) ?? null
}

/**
 * Finds a checkpoint of a run: the newest (`last`), the one whose model the run publishes (`best`), or that of a step.
 * The checkpoint's path is that of a model.
 * @throws VitrineError (file) with the existing steps
 */
export async function findCheckpoint(run: string, which: "last" | "best" | number): Promise<CheckpointInfo> {
  const checkpoints = await checkpointsOf(run)
  const checkpoint =
    which === "best"
      ? await publishedCheckpoint(run)
      : which === "last"
        ? checkpoints.at(-1)
        : checkpoints.find(({ step }) => step === which)
  if (checkpoint) return checkpoint
  throw fileError(
    run,
    checkpoints.length === 0
      ? "has no checkpoints: name the folder of a run"
      : `has no checkpoint of step ${which}: it has those of ${checkpoints.map(({ step }) => step).join(", ")}`,
  )
}
