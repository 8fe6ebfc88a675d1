import { createHash, type Hash } from "node:crypto"
import { constants } from "node:fs"
import { type FileHandle, lstat, open, rename, rm } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"
import { explaining, syncHandle } from "@vitrine/checkpoint/node"
import { VitrineError } from "@vitrine/core"
import type { RemoteFile } from "./listing.ts"
import { type Answer, NoSuchRange, Passing, type Requests } from "./requests.ts"

/** Milliseconds before each new try. After a try that brought `worthwhile` bytes they start over. */
const defaultWaits = [250, 1000, 4000, 16_000]
const worthwhile = 2 ** 16

export interface Download {
  readonly file: RemoteFile
  readonly url: string
  /** The path of the complete and checked file. Until then the file's name ends with `.incomplete`. */
  readonly to: string
  readonly requests: Requests
  /** Called with the number of bytes received so far. */
  readonly onBytes: (have: number) => void
  readonly signal: AbortSignal | undefined
  readonly waits?: readonly number[]
}

/**
 * Downloads a file, and checks it against the hub's checksum. It continues where an earlier download ended.
 *
 * Two processes may download the same file. They write the same bytes to the same places of one partial file, and each
 * checks the whole file.
 * @throws VitrineError (file)
 */
export async function download(job: Download): Promise<void> {
  const { file, to, signal, waits = defaultWaits } = job
  const partial = `${to}.incomplete`
  for (let tries = 0; ; ) {
    const before = await sizeOf(partial)
    try {
      await attempt(job, partial)
      break
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof Passing)) throw error
      // What is there is not of the file that the server has now.
      if (error instanceof NoSuchRange) await rm(partial, { force: true })
      if ((await sizeOf(partial)) >= before + worthwhile) tries = 0
      const wait = waits[tries++]
      if (wait === undefined) throw error
      await sleep(wait, undefined, signal ? { signal } : {})
    }
  }
  await explaining(to, "write", () =>
    rename(partial, to).catch(async (error: NodeJS.ErrnoException) => {
      // Another process may have finished first.
      if (error.code !== "ENOENT" || (await sizeOf(to)) !== file.size) throw error
    }),
  )
}

/** Appends the missing bytes to the partial file, and checks it. */
async function attempt({ file, url, requests, onBytes }: Download, partial: string): Promise<void> {
  const { size, path } = file
  const handle = await explaining(partial, "write", () => openPartial(partial))
  try {
    let hash = startHash(file)
    let have = await explaining(partial, "read", () => hashFile(handle, hash, size))
    onBytes(have)
    if (have < size) {
      const headers = { "Accept-Encoding": "identity", ...(have > 0 ? { Range: `bytes=${have}-` } : {}) }
      const response = await requests.file(url, headers)
      // A server that does not support ranges sends the whole file.
      if (have > 0 && !continues(response, have)) {
        hash = startHash(file)
        have = 0
      }
      for await (const chunk of response.body) {
        if (have + chunk.length > size)
          throw new VitrineError("file", `${path}: the server sends more than the ${size} bytes that the hub lists`)
        await explaining(partial, "write", () => writeAll(handle, chunk, have))
        hash.update(chunk)
        have += chunk.length
        onBytes(have)
      }
      if (have < size) throw new Passing("file", `${url}: the download broke off at byte ${have} of ${size}`)
    }
    await explaining(partial, "write", async () => {
      await handle.truncate(size)
      await syncHandle(handle)
    })
    const checksum = hash.digest("hex")
    if (checksum === file.hash.hex) return
    await rm(partial, { force: true })
    throw new VitrineError(
      "file",
      `${path}: was damaged on its way: its checksum is ${checksum}, expected ${file.hash.hex}; what came was deleted, try again`,
    )
  } finally {
    await handle.close()
  }
}

/**
 * Opens or creates a partial file. It removes a link in the file's place, since writing through the link would change
 * another file.
 */
async function openPartial(path: string): Promise<FileHandle> {
  if (await isLink(path)) await rm(path)
  return open(path, constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0))
}

/** Whether an answer continues at the requested byte. */
const continues = ({ status, headers }: Answer, from: number): boolean =>
  status === 206 && (headers.get("content-range") ?? "").startsWith(`bytes ${from}-`)

/**
 * Starts the hash of a file. Git hashes a header before the content
 * (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects).
 */
function startHash({ hash, size }: RemoteFile): Hash {
  return hash.algorithm === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`)
}

/** Adds at most `most` bytes of a file to a hash. Returns the number of bytes. */
async function hashFile(handle: FileHandle, hash: Hash, most: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(2 ** 20)
  let have = 0
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, most - have), have)
    if (bytesRead === 0) return have
    hash.update(buffer.subarray(0, bytesRead))
    have += bytesRead
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten
}

/** The size of a file. It is 0 for a link, or if there is no file. */
export async function sizeOf(path: string): Promise<number> {
  const stats = await lstat(path).catch(() => undefined)
  return stats?.isFile() === true ? stats.size : 0
}

export async function isLink(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isSymbolicLink() === true
}
