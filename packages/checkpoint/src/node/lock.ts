import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import { copyFile, link, readFile, rm, writeFile } from "node:fs/promises"
import { hostname } from "node:os"
import { dirname, join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileError } from "../errors.ts"
import { isObject } from "../json.ts"
import { explaining, isSystemError, temporary, temporaryPath } from "./files.ts"

interface Holder {
  readonly pid: number
  readonly host: string
  /** When the process began, where the system tells it: later the pid may be another process's. */
  readonly started: string | null
  readonly token: string
}

/**
 * Takes the lock file at `path`, so that one process at a time writes a run. The lock of a dead process of this machine is
 * taken over.
 * @returns a function that releases the lock.
 * @throws VitrineError (file) that names the process which has the lock.
 */
export async function lock(path: string): Promise<() => Promise<void>> {
  const token = randomBytes(8).toString("hex")
  const holder: Holder = { pid: process.pid, host: hostname(), started: await startOf(process.pid), token }
  return explaining(path, "lock", async () => {
    const temp = temporaryPath(dirname(path))
    try {
      await writeFile(temp, `${JSON.stringify(holder)}\n`, { flag: "wx" })
      for (let tries = 0; tries < 100; tries++) {
        if (await claim(temp, path)) return () => release(path, token)
        const other = await read(path)
        if (other === "none") continue
        if (other !== "broken" && (await isAlive(other))) throw lockedError(path, other)
        await removeStale(temp, path)
      }
      throw fileError(path, "cannot lock: other processes try to lock it too")
    } finally {
      await rm(temp, { force: true })
    }
  })
}

/**
 * Deletes the lock of a dead process, under a second lock. Without that, two processes could each see the dead one's lock, and
 * the slower one would delete the lock that the faster one has just taken.
 */
async function removeStale(temp: string, path: string): Promise<void> {
  const guard = join(dirname(path), `${temporary}takeover`)
  if (await claim(temp, guard)) {
    try {
      const other = await read(path)
      if (other !== "none" && !(await isAlive(other))) await rm(path, { force: true })
    } finally {
      await rm(guard, { force: true })
    }
  } else {
    const other = await read(guard)
    if (other !== "none" && !(await isAlive(other))) await rm(guard, { force: true })
    else await setTimeout(10)
  }
}

/** Puts the written lock file in its place in one step; false if there is one already. */
async function claim(temp: string, path: string): Promise<boolean> {
  try {
    await link(temp, path).catch(async (error) => {
      // File systems without hard links, such as exFAT.
      if (!isSystemError(error, "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS")) throw error
      await copyFile(temp, path, constants.COPYFILE_EXCL)
    })
    return true
  } catch (error) {
    if (isSystemError(error, "EEXIST")) return false
    throw error
  }
}

async function release(path: string, token: string): Promise<void> {
  const holder = await read(path)
  if (typeof holder === "object" && holder.token === token) await rm(path, { force: true })
}

function lockedError(path: string, { pid, host }: Holder): Error {
  const who = host === hostname() ? `process ${pid}` : `process ${pid} on ${JSON.stringify(host)}`
  return fileError(path, `${who} is writing this run: wait for it or stop it, or delete this file if it is gone`)
}

/** The holder of a lock; "none" without a lock file, "broken" if the file names no process. */
async function read(path: string): Promise<Holder | "none" | "broken"> {
  try {
    const holder: unknown = JSON.parse(await readFile(path, "utf8"))
    return isHolder(holder) ? holder : "broken"
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return "none"
    if (isSystemError(error)) throw error
    return "broken"
  }
}

const isHolder = (holder: unknown): holder is Holder =>
  isObject(holder) && Number.isSafeInteger(holder.pid) && Number(holder.pid) > 0 && typeof holder.host === "string"

async function isAlive(holder: Holder | "broken"): Promise<boolean> {
  if (holder === "broken") return false
  const { pid, host, started } = holder
  // Nothing can be known about a process on another machine.
  if (host !== hostname()) return true
  try {
    process.kill(pid, 0)
  } catch (error) {
    return !isSystemError(error, "ESRCH")
  }
  const now = await startOf(pid)
  return typeof started !== "string" || now === null || now === started
}

/** The boot and the clock tick at which a process began (Linux), else null. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim()
    const stat = await readFile(`/proc/${pid}/stat`, "utf8")
    // The name of the command, in parentheses, may itself hold spaces and parentheses.
    const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
    return ticks === undefined ? null : `${boot}:${ticks}`
  } catch {
    return null
  }
}
