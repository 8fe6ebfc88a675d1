import { join } from "node:path"
import { bestCheckpoint } from "../best.ts"
import { type CheckpointInfo, listCheckpoints } from "./checkpoint.ts"
import { refuseLink, removeFolderAtomic } from "./files.ts"
import { lock } from "./lock.ts"

/**
 * Removes the checkpoints of a run but the best one, which it publishes, and the newest, from which it can be resumed.
 * @returns those that were removed.
 * @throws VitrineError (file) if another process writes the run.
 */
export async function pruneRun(path: string): Promise<readonly CheckpointInfo[]> {
  const runLock = await lock(join(path, "run.lock"))
  try {
    const folder = join(path, "checkpoints")
    await refuseLink(folder)
    const { checkpoints } = await listCheckpoints(folder)
    const keep = [bestCheckpoint(checkpoints), checkpoints.at(-1)]
    const others = checkpoints.filter((checkpoint) => !keep.includes(checkpoint))
    for (const other of others) {
      runLock.check()
      await removeFolderAtomic(other.path)
    }
    return others
  } finally {
    await runLock.release()
  }
}
