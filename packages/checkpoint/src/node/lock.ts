import { randomBytes } from "node:crypto"
import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs"
import { copyFile, link, lstat, readFile, rm, stat, writeFile } from "node:fs/promises"
import { hostname } from "node:os"
import { dirname, join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileError } from "../errors.ts"
import { isObject } from "../json.ts"
import { explain, explaining, isSystemError, processSpace, temporary, temporaryPath } from "./files.ts"

interface Holder {
  readonly pid: number
  readonly host: string
  /** The space of process numbers to which `pid` belongs: a machine, or a container on it. Old locks have none. */
  readonly space?: string
  /** The time when the process began, if the system provides it. The number of an ended process may be used again. */
  readonly started: string | null
  readonly token: string
  /** Seconds without a sign of life after which other machines may take the lock. Old locks have none. */
  readonly lease?: number
}

export interface Lock {
  /**
   * Checks that this process still has the lock. Another one may have taken it while the machine slept. The check is
   * also a sign of life.
   * @param age the greatest age of the last check in milliseconds for which no new check is made; 0 by default
   * @throws VitrineError (file)
   */
  check(age?: number): void
  release(): Promise<void>
}

export interface LockOptions {
  /** Whether to take the lock of a process that may be alive. That process then ends at its next write. */
  readonly takeOver?: boolean | undefined
  /** The lease in seconds; ten minutes by default. */
  readonly lease?: number
}

/**
 * Takes the lock file at `path`, so that only one process at a time writes a run. A lock is taken over from a dead
 * process of this machine, and from a process elsewhere that has given no sign of life for the time of its lease. Signs
 * of life are writes to the lock file. Their times come from the clock of the file system, and so does the time to
 * which they are compared.
 * @throws VitrineError (file) with the process that has the lock
 */
export async function lock(path: string, { takeOver = false, lease = 600 }: LockOptions = {}): Promise<Lock> {
  const token = randomBytes(8).toString("hex")
  const { pid } = process
  const holder: Holder = { pid, host: hostname(), space: processSpace(), started: await startOf(pid), token, lease }
  return explaining(path, "lock", async () => {
    const temp = temporaryPath(dirname(path))
    try {
      await writeFile(temp, `${JSON.stringify(holder)}\n`, { flag: "wx" })
      const { mtimeMs: now } = await stat(temp)
      const isTaken = async (other: Holder | "broken"): Promise<boolean> =>
        !takeOver && (await isAlive(other)) && !(await isOver(other, path, now))
      for (let tries = 0; tries < 100; tries++) {
        if (await claim(temp, path)) return heldLock(path, token, lease)
        const other = await read(path)
        if (other === "none") continue
        if (other !== "broken" && (await isTaken(other))) throw lockedError(path, other)
        await removeStale(temp, path, isTaken)
      }
      throw fileError(path, "cannot lock: other processes try to lock it too")
    } finally {
      await rm(temp, { force: true })
    }
  })
}

/** Whether the lease of a process elsewhere has ended at a time of the file system. */
async function isOver(holder: Holder | "broken", path: string, now: number): Promise<boolean> {
  if (holder === "broken" || isHere(holder) || holder.lease === undefined) return false
  const facts = await stat(path).catch((error: unknown) => {
    if (!isSystemError(error, "ENOENT")) throw error
  })
  return facts === undefined || now - facts.mtimeMs > 1000 * holder.lease
}

/** Moves the time of a lock file. A disk that refuses says so at the next file. Deno writes texts, but not bytes, at the end. */
function sign(fd: number, text: string): void {
  const bytes = Buffer.from(text)
  try {
    writeSync(fd, bytes, 0, bytes.length, 0)
  } catch (error) {
    if (!isSystemError(error)) throw error
  }
}

/** A lock of this process, and a timer that gives signs of life. */
function heldLock(path: string, token: string, lease: number): Lock {
  let seen = Number.NEGATIVE_INFINITY
  const beat = (): void => {
    // An open file stays the same, even if another file takes its name.
    const fd = openSync(path, "r+")
    try {
      const text = readFileSync(fd, "utf8")
      if (holderIn(text)?.token !== token) throw takenError(path, holderIn(text))
      sign(fd, text)
    } finally {
      closeSync(fd)
    }
  }
  const timer = setInterval(
    () => {
      try {
        beat()
      } catch {
        // The next check reports it.
      }
    },
    (1000 * lease) / 20,
  ).unref()
  return {
    check(age = 0) {
      const now = performance.now()
      if (now - seen < age) return
      try {
        beat()
      } catch (error) {
        throw isSystemError(error, "ENOENT") ? takenError(path, undefined) : explain(path, "write", error)
      }
      seen = now
    },
    async release() {
      clearInterval(timer)
      const holder = await read(path)
      if (typeof holder === "object" && holder.token === token) await rm(path, { force: true })
    },
  }
}

/**
 * Deletes the lock of a dead process, under a second lock. Without the second lock, two processes could see the dead
 * one's lock, and the slower one would delete the lock that the faster one has just taken.
 */
async function removeStale(
  temp: string,
  path: string,
  isTaken: (holder: Holder | "broken") => Promise<boolean>,
): Promise<void> {
  const guard = join(dirname(path), `${temporary}takeover`)
  if (await claim(temp, guard)) {
    try {
      const other = await read(path)
      if (other !== "none" && !(await isTaken(other))) await rm(path, { force: true })
    } finally {
      await rm(guard, { force: true })
    }
  } else {
    const other = await read(guard)
    if (other !== "none" && !(await isAlive(other))) await rm(guard, { force: true })
    else await setTimeout(10)
  }
}

/** Renames the finished lock file to its path in one step. Returns false if there is one already. */
async function claim(temp: string, path: string): Promise<boolean> {
  try {
    await link(temp, path).catch(async (error) => {
      // For file systems without hard links, such as exFAT.
      if (!isSystemError(error, "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS")) throw error
      await copyFile(temp, path, constants.COPYFILE_EXCL)
    })
    return true
  } catch (error) {
    if (isSystemError(error, "EEXIST")) return false
    throw error
  }
}

function lockedError(path: string, holder: Holder): Error {
  const { pid, host, lease } = holder
  if (isHere(holder))
    return fileError(path, `process ${pid} is writing this run: wait for it or stop it, or resume with --take-over`)
  const free = lease === undefined ? "" : `, or wait until it has given no sign of life for ${lease / 60} minutes`
  return fileError(
    path,
    `process ${pid} on ${JSON.stringify(host)} is writing this run: wait for it or stop it; if it is gone, resume with --take-over${free}`,
  )
}

const takenError = (path: string, holder: Holder | undefined): Error =>
  fileError(
    path,
    holder === undefined
      ? "is gone, so another process may write this run; this one ends"
      : `process ${holder.pid} on ${JSON.stringify(holder.host)} has taken over this run; this one ends`,
  )

const longestLock = 2 ** 16

/** The holder of a lock, "none" without a lock file, or "broken" if the file names no process. */
async function read(path: string): Promise<Holder | "none" | "broken"> {
  try {
    const facts = await lstat(path)
    // A pipe in its place would be waited for without end, and a link may lead to one or to nothing.
    if (!facts.isFile() || facts.size > longestLock) return "broken"
    return holderIn(await readFile(path, "utf8")) ?? "broken"
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return "none"
    throw error
  }
}

function holderIn(text: string): Holder | undefined {
  try {
    const holder: unknown = JSON.parse(text)
    return isHolder(holder) ? holder : undefined
  } catch {
    return undefined
  }
}

/** Whether a process runs on this machine and in this container. */
const isHere = ({ host, space }: Holder): boolean =>
  space === undefined ? host === hostname() : space === processSpace()

const isHolder = (holder: unknown): holder is Holder =>
  isObject(holder) && Number.isSafeInteger(holder.pid) && Number(holder.pid) > 0 && typeof holder.host === "string"

async function isAlive(holder: Holder | "broken"): Promise<boolean> {
  if (holder === "broken") return false
  const { pid, started } = holder
  // The state of a process elsewhere is unknown.
  if (!isHere(holder)) return true
  try {
    process.kill(pid, 0)
  } catch (error) {
    return !isSystemError(error, "ESRCH")
  }
  const now = await startOf(pid)
  return typeof started !== "string" || now === null || now === started
}

/** The boot and the clock tick at which a process began (Linux), or null. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim()
    const stat = await readFile(`/proc/${pid}/stat`, "utf8")
    // The name of the command, in parentheses, may itself contain spaces and parentheses.
    const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
    return ticks === undefined ? null : `${boot}:${ticks}`
  } catch {
    return null
  }
}
