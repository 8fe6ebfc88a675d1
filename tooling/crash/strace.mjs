// Faults of system calls by strace. They reach writes of native code too, which the shim in `faults.mjs` does not see.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The system calls by which files change. */
const calls = ["fsync", "fdatasync", "rename", "pwrite64", "link", "mkdir", "unlink", "write"]

/** Why strace cannot be used here, or null: it is missing, or this machine refuses ptrace. */
export function straceFault() {
  const { error, status, stderr } = spawnSync("strace", ["-qq", "-o", "/dev/null", "true"], { encoding: "utf8" })
  if (error !== undefined) return "strace is missing (Debian: apt install strace)"
  return status === 0 ? null : `strace is refused: ${stderr.trim().split("\n")[0]}`
}

// One thread for files makes the count of calls the same from run to run, but for those by which threads wake each other.
const env = { UV_THREADPOOL_SIZE: "1" }

/** Before a command: lists its system calls in a file. */
export const counting = (file) => ({
  prefix: ["strace", "-f", "-qq", "-o", file, "-e", `trace=${calls.join()}`],
  env,
})

/** The greatest number of each system call in one thread, since strace counts by threads. */
function countsIn(file) {
  const counts = new Map()
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const [, thread, call] = /^(\d+) +(\w+)\(/.exec(line) ?? []
    if (call !== undefined) counts.set(`${call} ${thread}`, (counts.get(`${call} ${thread}`) ?? 0) + 1)
  }
  return calls.map((call) => [
    call,
    Math.max(0, ...Array.from(counts, ([key, count]) => (key.startsWith(`${call} `) ? count : 0))),
  ])
}

/** At most 24 places of a call, since writes are far more than all other calls. */
const placesOf = (count) =>
  Array.from({ length: Math.min(count, 24) }, (_, i) => 1 + Math.floor((i * count) / Math.min(count, 24)))

/**
 * The faults of a command: each error at calls of each kind.
 * @param {(options: { prefix: string[], env: Record<string, string> }) => Promise<unknown>} run runs the command
 */
export async function straceFaults(run) {
  const folder = mkdtempSync(join(tmpdir(), "vitrine-strace-"))
  try {
    const file = join(folder, "calls")
    await run(counting(file))
    return countsIn(file).flatMap(([call, count]) =>
      placesOf(count).flatMap((at) =>
        ["ENOSPC", "EIO"].map((error) => ({
          text: `${error} at ${call} ${at} of ${count}`,
          prefix: [
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            `trace=${call}`,
            "-e",
            `inject=${call}:error=${error}:when=${at}`,
          ],
          env,
        })),
      ),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
