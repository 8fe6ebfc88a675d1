import { cpus, totalmem } from "node:os"
import { createRun, resumeRun, type RunFolder } from "@vitrine/checkpoint/node"
import type { Backend } from "@vitrine/core"
import { checkNewLength, type NewLength } from "../extension.ts"
import type { Communicator } from "@vitrine/trainer"
import type { RunPlace } from "../run.ts"
import { checkFits } from "../plan/fit.ts"
import { openBackend } from "./backends.ts"

/** The place and the backend of a run, for all tasks. */
export interface RunOptions extends NewLength {
  /** The folder of the new run. Without it nothing is written. */
  readonly out?: string | undefined
  /** The folder of the run to continue. Its `config.json` names the data and the recipe. */
  readonly resume?: string | undefined
  /** Whether to resume a run that another process may still write. That process then ends at its next write. */
  readonly takeOver?: boolean | undefined
  /** The name of a backend, or an open backend, which stays open; `auto` by default. */
  readonly backend?: string | Backend | undefined
  /** Decides initialisation, order, augmentation and dropout; 0 by default. */
  readonly seed?: number | undefined
  /** Threads of the engine. */
  readonly threads?: number | undefined
  /**
   * The share of each class (of all examples where there are no classes) that validates, for data without a validation set; 0.1
   * by default.
   */
  readonly valFraction?: number | undefined
  /**
   * Bytes of memory that the run may take, for backends whose memory can be planned; by default those of the machine, or
   * of the container. A run that is planned to take more does not begin.
   */
  readonly memory?: number | undefined
  /** The number of newest checkpoints to keep, besides the best one. */
  readonly keepLast?: number | undefined
  /** The number of steps between checkpoints. By default each evaluation has one. */
  readonly checkpointEvery?: number | undefined
  /** Ends the run after the current step, with a checkpoint. */
  readonly signal?: AbortSignal | undefined
  /**
   * The processes that train together. Each calls `train` with the same options and its own communicator. Rank 0 alone
   * writes and reads the run folder. The events of all ranks are equal, but for broken images, which each rank names
   * that has read them, and for checkpoints, which are rank 0's.
   */
  readonly ranks?: Communicator | undefined
}

/** Opens the run folder that the options name. */
export async function runFolder(options: RunOptions): Promise<RunPlace> {
  const { ranks, ...own } = options
  if (ranks === undefined) return ownFolder(own)
  const place = await ownFolder(ranks.rank === 0 ? own : { ...own, ...guest })
  // The others know of a resumed run what rank 0 has read.
  const [config] = await ranks.gather(place.resumed?.config)
  const resumed = config === undefined ? undefined : { config, checkpoint: undefined, damaged: [] }
  return ranks.rank === 0 ? { ...place, ranks } : { ...place, resumed, ranks }
}

/** What other ranks than the first leave to it. */
const guest = { out: undefined, resume: undefined, steps: undefined, epochs: undefined } as const

async function ownFolder({
  out,
  resume,
  takeOver,
  backend,
  threads,
  keepLast,
  memory = machineMemory(),
  ...length
}: Omit<RunOptions, "ranks">): Promise<RunPlace> {
  checkNewLength(length, resume !== undefined)
  const folderOptions = keepLast === undefined ? {} : { keepLast }
  const resumed = resume === undefined ? undefined : await resumeRun(resume, { ...folderOptions, takeOver })
  let run: RunFolder | undefined = resumed?.run
  return {
    resumed: resumed && {
      config: resumed.config,
      checkpoint: resumed.checkpoint ?? undefined,
      damaged: resumed.damaged.map(({ message }) => message),
    },
    path: () => run?.path ?? null,
    store: () => run,
    openBackend: () => openBackend({ backend, ...(threads !== undefined && { threads }) }),
    checkMemory: (plan, engine) => checkFits(plan, engine, memory, resume !== undefined),
    async writeRecord({ device }, engines, config, changed = false) {
      const engine = `${device}, ${cpus()[0]?.model ?? process.arch}`
      if (run === undefined) {
        if (out !== undefined) run = await createRun(out, config([engine]), folderOptions)
        return
      }
      const known = engines.at(-1) === engine
      if (changed || !known) await run.writeConfig(config(known ? engines : [...engines, engine]))
    },
    discard: async () => run?.discard(),
    close: async () => run?.close(),
  }
}

/** Bytes of memory of this machine, or of the container in which the process runs. */
export function machineMemory(): number {
  const { constrainedMemory } = process
  const limit = constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}
