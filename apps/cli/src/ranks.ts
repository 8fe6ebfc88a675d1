import { spawn, spawnSync } from "node:child_process"
import { availableParallelism, cpus, hostname } from "node:os"
import { setTimeout as wait } from "node:timers/promises"
import type * as mpi from "@vitrine/mpi"
import { VitrineError } from "vitrine"
import { complain, messageOf } from "./errors.ts"
import { interruption } from "./interruption.ts"
import { type Io, note, withIo } from "./output.ts"

/** Variables that launchers of MPI set. */
const launcherVariables = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"] as const

/** Whether a launcher such as `mpirun` or `srun` has started this process. */
export const isLaunched = (): boolean => launcherVariables.some((name) => process.env[name] !== undefined)

async function mpiPackage(): Promise<typeof mpi> {
  try {
    return await import("@vitrine/mpi")
  } catch (error) {
    throw new VitrineError("backend", `ranks need @vitrine/mpi: npm install @vitrine/mpi (${messageOf(error)})`)
  }
}

/**
 * Runs a command as one of the ranks that a launcher has started, or alone. Rank 0 alone prints. An error of one rank
 * names it, and ends all.
 * @param run gets the ranks, and the number of threads that is left to each
 */
export async function asRank(
  run: (ranks: mpi.MpiRanks | undefined, threads: number | undefined) => Promise<number>,
): Promise<number> {
  if (!isLaunched()) return run(undefined, undefined)
  const { launchedRanks, localRanks, openMpi } = await mpiPackage()
  if ((launchedRanks(process.env) ?? 1) === 1) return run(undefined, undefined)
  const ranks = await openMpi()
  const { rank, size, library } = ranks
  try {
    const [cores, local] = [cpus().length, localRanks(process.env)]
    // Where the launcher has bound the ranks to cores, the engine sees those alone.
    const threads =
      local === undefined || availableParallelism() < cores ? undefined : Math.max(1, Math.floor(cores / local))
    if (rank === 0)
      note(`vitrine: ${size} ranks over ${library}${threads === undefined ? "" : `, ${threads} threads each`}`)
    const code = await (rank === 0 ? run(ranks, threads) : withIo(silent, () => run(ranks, threads)))
    ranks.close()
    // A launcher takes any other exit code for a fault, and kills what still runs.
    return rank === 0 && code !== interrupted ? code : 0
  } catch (error) {
    // What fails on every rank is said by rank 0, which then ends the others.
    if (rank > 0) await wait(1000)
    complain(`rank ${rank} on ${hostname()}: ${messageOf(error)}`)
    ranks.abort(1)
    return 1
  }
}

const nowhere = { write: () => true } as const
const silent: Io = {
  stdout: nowhere,
  stderr: nowhere,
  exit: (code) => process.exit(code),
  whenReaderLeaves: () => {},
}

/** The exit code of a training that was stopped by a signal. */
const interrupted = 130

/**
 * Starts this command again as ranks on this machine, by `mpirun`. The first SIGINT, SIGTERM, SIGHUP or SIGUSR1 lets
 * them end their step and save. A second SIGINT ends them at once.
 * @returns the exit code
 * @throws VitrineError (backend) without `mpirun`
 */
export async function startRanks(count: number): Promise<number> {
  const { stdout, error } = spawnSync("mpirun", ["--version"], { encoding: "utf8" })
  if (error) throw new VitrineError("backend", "--ranks needs mpirun of Open MPI or MPICH, which is not there")
  const [program = "", ...words] = process.argv.slice(1)
  const command = [process.execPath, ...process.execArgv, program, ...words]
  // In a group of its own it gets no Ctrl-C from the terminal, which it would take for an abort.
  const child = spawn("mpirun", [...launcherFlags(stdout), "-n", `${count}`, ...command], {
    stdio: "inherit",
    detached: true,
  })
  // Launchers pass SIGUSR1 on to the ranks.
  const stopped = interruption(
    () => child.kill("SIGUSR1"),
    () => child.kill("SIGTERM"),
  )
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.on("error", reject)
      child.on("exit", (code) => resolve(code ?? 1))
    })
    return code === 0 && stopped.signal.aborted ? interrupted : code
  } finally {
    stopped.close()
  }
}

/** Ranks that wait leave their core to others, and have half a minute to save before they are killed. */
function launcherFlags(version: string): readonly string[] {
  if (!/open.?mpi|open-?rte|prrte/i.test(version)) return []
  const asRoot = process.getuid?.() === 0 ? ["--allow-run-as-root"] : []
  const settings = ["mpi_yield_when_idle", "1", "odls_base_sigkill_timeout", "30"]
  const mca = [0, 2].flatMap((i) => ["--mca", ...settings.slice(i, i + 2)])
  return [...asRoot, "--oversubscribe", "--bind-to", "none", ...mca]
}
