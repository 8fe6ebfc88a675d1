import { constants } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import type { ByteSource } from "@vitrine/archive"
import { VitrineError } from "@vitrine/core"
import { unreadable } from "./unreadable.ts"

/** An open file and its size. */
export interface OpenFile {
  readonly file: FileHandle
  readonly size: number
}

/**
 * Opens a regular file. Pipes and devices are refused, since reading from one could block a thread for ever.
 * @param label the file's name in errors
 * @throws VitrineError (file)
 */
export async function openFile(path: string, label: string = path): Promise<OpenFile> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error: unknown) => {
    throw unreadable(label, error)
  })
  try {
    const facts = await file.stat()
    if (facts.isFile()) return { file, size: facts.size }
    throw new VitrineError(
      "file",
      `${label}: is ${facts.isDirectory() ? "a folder" : "a pipe or a device"}, no regular file`,
    )
  } catch (error) {
    await file.close()
    throw error
  }
}

/**
 * Reads the bytes of a regular file.
 * @throws VitrineError (file) for a file of more than `most` bytes
 */
export async function readFileWithin(path: string, most: number, label: string = path): Promise<Uint8Array> {
  const { file, size } = await openFile(path, label)
  try {
    if (size > most) throw new VitrineError("file", `${label}: is ${size} bytes; up to ${most} are read`)
    const bytes = Buffer.allocUnsafe(size)
    let done = 0
    while (done < size) {
      const { bytesRead } = await file.read(bytes, done, size - done, done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return bytes.subarray(0, done)
  } catch (error) {
    if (VitrineError.isInstance(error)) throw error
    throw unreadable(label, error)
  } finally {
    await file.close()
  }
}

/** Makes an open file a source of bytes at any position. */
export function fileSource(file: FileHandle, size: number, name: string): ByteSource {
  return {
    name,
    size,
    async read(begin, end) {
      const bytes = new Uint8Array(end - begin)
      let done = 0
      while (done < bytes.length) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, begin + done)
        if (bytesRead === 0) throw new VitrineError("file", `${name}: is truncated`)
        done += bytesRead
      }
      return bytes
    },
  }
}
