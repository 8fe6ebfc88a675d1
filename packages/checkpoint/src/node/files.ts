import { createHash, randomBytes } from "node:crypto"
import { fsyncSync, readlinkSync } from "node:fs"
import { hostname } from "node:os"
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises"
import { basename, dirname, join, relative, resolve } from "node:path"
import { VitrineError } from "@vitrine/core"
import { fileError } from "../errors.ts"
import { jsonFile, parseJson } from "../json.ts"

/** The prefix of unfinished files and folders. The owner of a folder may delete them. */
export const temporary = ".vitrine-tmp-"
/** The prefix of a folder that a new one is about to replace. The new one's name follows. */
const oldPrefix = ".vitrine-old-"

const meanings: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  ENOTDIR: "a part of the path is a file, not a folder",
  EISDIR: "it is a folder, not a file",
  EEXIST: "it exists already",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "too many symbolic links",
  EIO: "the disk gave an error",
  EFBIG: "the file would be too large",
}

export function isSystemError(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  if (!(error instanceof Error && "code" in error && typeof error.code === "string")) return false
  return codes.length === 0 || codes.includes(error.code)
}

/** Converts a failed system call to a VitrineError of one line. Other errors are returned unchanged. */
export function explain(path: string, doing: string, error: unknown): unknown {
  if (VitrineError.isInstance(error) || !isSystemError(error)) return error
  return fileError(path, `cannot ${doing}: ${meanings[error.code ?? ""] ?? error.message}`, error)
}

/** Runs an action, and converts its system errors to VitrineErrors. */
export async function explaining<T>(path: string, doing: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    throw explain(path, doing, error)
  }
}

/** Opens an existing file. It refuses folders, and also pipes and devices, which could block for ever. */
export async function openForReading(path: string): Promise<{ handle: FileHandle; size: number }> {
  return explaining(path, "read", async () => {
    const facts = await stat(path)
    if (facts.isDirectory()) throw fileError(path, "cannot read: it is a folder, not a file")
    if (!facts.isFile()) throw fileError(path, "cannot read: it is not a regular file")
    const handle = await open(path, "r")
    try {
      return { handle, size: (await handle.stat()).size }
    } catch (error) {
      await handle.close()
      throw error
    }
  })
}

/** The greatest number of bytes that Node 20 reads at a time. */
const largestPiece = 2 ** 32

/** Reads exactly `length` bytes from `position` into new memory. */
export async function readBytes(
  handle: FileHandle,
  path: string,
  position: number,
  length: number,
): Promise<Uint8Array> {
  if (length > largestPiece)
    throw fileError(path, `has ${length} bytes in one piece, over the limit of ${largestPiece}`)
  const bytes = Buffer.allocUnsafeSlow(length)
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, 2 ** 30), position + done)
    if (bytesRead === 0) throw fileError(path, `truncated: it ended at byte ${position + done} while it was read`)
    done += bytesRead
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, length)
}

/**
 * Reads a JSON file of at most 16 MiB.
 * @throws VitrineError (file)
 */
export async function readJson(path: string): Promise<unknown> {
  const { handle, size } = await openForReading(path)
  try {
    if (size > jsonFile.bytes)
      throw fileError(path, `has ${size} bytes, over the limit of ${jsonFile.bytes} for a JSON file`)
    return parseJson(await explaining(path, "read", () => readBytes(handle, path, 0, size)), path)
  } finally {
    await handle.close()
  }
}

/**
 * Makes a folder and its missing parents. The recursive mkdir of Node 20.20 loops for ever if a parent exists but
 * answers ENOENT, as /proc does.
 */
export async function makeFolder(path: string): Promise<void> {
  const make = async (): Promise<void> => {
    await mkdir(path).catch(async (error) => {
      if (!isSystemError(error, "EEXIST") || !(await stat(path)).isDirectory()) throw error
    })
  }
  await make().catch(async (error) => {
    if (!isSystemError(error, "ENOENT") || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    await make()
  })
}

/**
 * The paths of all files and folders below a folder. Links are named, but not followed: two that lead to their own
 * folder would have endless paths.
 */
export async function pathsBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
}

/**
 * Refuses a link in the place of a part of a run that is written, by which files elsewhere would change.
 * @throws VitrineError (file)
 */
export async function refuseLink(path: string): Promise<void> {
  const facts = await lstat(path).catch((error: unknown) => {
    if (!isSystemError(error, "ENOENT")) throw error
  })
  if (facts?.isSymbolicLink())
    throw fileError(path, "is a link, and a run writes no files elsewhere: move here what it leads to")
}

/** The space of process numbers: the machine, and on Linux the namespace within it. */
export function processSpace(): string {
  let space = hostname()
  try {
    space += readlinkSync("/proc/self/ns/pid")
  } catch {
    // Other systems have only one space.
  }
  return createHash("sha256").update(space).digest("hex").slice(0, 8)
}

/** The prefix of unfinished names on this machine. The process number and a random part follow. */
const temporaryHere = `${temporary}${processSpace()}-`

/** A path in `folder` for an unfinished file or folder. */
export function temporaryPath(folder: string): string {
  return join(folder, `${temporaryHere}${process.pid}-${randomBytes(6).toString("hex")}`)
}

/** Deletes unfinished files and folders of ended processes of this machine. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(temporaryHere)) continue
    const [pid] = name.slice(temporaryHere.length).split("-")
    if (!isAlive(Number(pid))) await rm(join(folder, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return isSystemError(error, "EPERM")
  }
}

export const isTemporary = (name: string): boolean => name.startsWith(temporary) || name.startsWith(oldPrefix)

/** Waits until a file is on disk. The file handles of Yarn's Plug'n'Play have no `sync`. */
export async function syncHandle(handle: FileHandle): Promise<void> {
  try {
    await handle.sync()
  } catch (error) {
    if (isSystemError(error)) throw error
    fsyncSync(handle.fd)
  }
}

/** Syncs a folder, so that its names survive a power failure. */
async function syncFolder(path: string): Promise<void> {
  try {
    const handle = await open(path, "r")
    try {
      await syncHandle(handle)
    } finally {
      await handle.close()
    }
  } catch (error) {
    // Windows and some network file systems cannot sync folders.
    if (!isSystemError(error, "EPERM", "EISDIR", "EINVAL", "ENOTSUP", "EACCES")) throw error
  }
}

/** Writes a new file, and waits until it is on disk. It fails if the file exists. */
export async function writeNewFile(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const handle = await open(path, "wx")
  try {
    for (const chunk of chunks)
      for (let done = 0; done < chunk.byteLength; ) {
        const { bytesWritten } = await handle.write(chunk, done, Math.min(chunk.byteLength - done, 2 ** 30))
        done += bytesWritten
      }
    await syncHandle(handle)
  } finally {
    await handle.close()
  }
}

/** The content of a file: text, which is written as UTF-8, or bytes in one or several chunks. */
export type Content = string | Uint8Array | Iterable<Uint8Array>

export const asChunks = (content: Content): Iterable<Uint8Array> =>
  typeof content === "string"
    ? [new TextEncoder().encode(content)]
    : content instanceof Uint8Array
      ? [content]
      : content

/**
 * Writes a file. At any moment, even after a power failure, the path has either its old content or all of the new
 * content. A failure leaves nothing behind.
 * @param beforeRename throws if the new content must not replace the old any more
 * @throws VitrineError (file), such as for a full disk, a folder that cannot be written, or an existing file if
 *   `replace` is false
 */
export async function writeFileAtomic(
  path: string,
  content: Content,
  { replace = true, beforeRename }: { readonly replace?: boolean; readonly beforeRename?: () => void } = {},
): Promise<void> {
  if (!replace) await refuseExisting(path)
  await explaining(path, "write", async () => {
    const folder = dirname(resolve(path))
    await removeLeftovers(folder)
    const temp = temporaryPath(folder)
    try {
      await writeNewFile(temp, asChunks(content))
      beforeRename?.()
      await rename(temp, path)
    } catch (error) {
      await rm(temp, { force: true }).catch(() => {})
      throw error
    }
    await syncFolder(folder)
  })
}

/**
 * Writes a folder. At any moment the path has either its old content or all files that `fill` writes. If a kill leaves
 * the old folder under another name, `recoverFolder` of the parent restores it.
 * @throws VitrineError (file)
 */
export async function writeFolderAtomic(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  await explaining(path, "write", async () => {
    const parent = dirname(resolve(path))
    const temp = temporaryPath(parent)
    const aside = join(parent, oldPrefix + basename(path))
    await removeLeftovers(parent)
    try {
      await mkdir(temp)
      await fill(temp)
      await syncFolder(temp)
      await rm(aside, { recursive: true, force: true })
      await rename(path, aside).catch((error) => {
        if (!isSystemError(error, "ENOENT")) throw error
      })
      await rename(temp, path)
    } catch (error) {
      await rm(temp, { recursive: true, force: true }).catch(() => {})
      throw error
    }
    await syncFolder(parent)
    await rm(aside, { recursive: true, force: true })
  })
}

/** @throws VitrineError (file) for a path that exists */
async function refuseExisting(path: string): Promise<void> {
  const facts = await explaining(path, "write", () =>
    stat(path).catch((error) => {
      if (!isSystemError(error, "ENOENT")) throw error
    }),
  )
  if (facts !== undefined) throw fileError(path, "exists already: choose another name, or replace it (--force)")
}

/** Deletes a folder. At any moment it is either complete or gone. */
export async function removeFolderAtomic(path: string): Promise<void> {
  await explaining(path, "delete", async () => {
    const temp = temporaryPath(dirname(resolve(path)))
    await rename(path, temp)
    await rm(temp, { recursive: true, force: true })
  })
}

/**
 * Removes the remains of a killed process in `folder`. Only the folder's owner may call this.
 * @param isRestored whether to restore a folder with this name that was about to be replaced
 */
export async function recoverFolder(folder: string, isRestored: (name: string) => boolean): Promise<void> {
  await explaining(folder, "clean up", async () => {
    for (const name of await readdir(folder)) {
      if (!isTemporary(name)) continue
      const [path, original] = [join(folder, name), name.slice(oldPrefix.length)]
      if (name.startsWith(oldPrefix) && isRestored(original) && (await lstat(path)).isDirectory())
        // If the target is not empty, the new folder has already taken the old one's place. Then the old one is
        // deleted.
        await rename(path, join(folder, original)).catch((error) => {
          if (!isSystemError(error, "ENOTEMPTY", "EEXIST", "EPERM", "ENOTDIR")) throw error
        })
      await rm(path, { recursive: true, force: true })
    }
  })
}
