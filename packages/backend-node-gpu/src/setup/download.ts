import { createHash } from "node:crypto"
import { createReadStream, createWriteStream } from "node:fs"
import { rename, rm, stat } from "node:fs/promises"
import { pipeline } from "node:stream/promises"
import { VitrineError } from "@vitrine/core"
import type { Download } from "./plan.ts"
import { networkError } from "./python-index.ts"

const sizeOnDisk = async (path: string): Promise<number | undefined> => (await stat(path).catch(() => undefined))?.size

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256")
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest("hex")
}

/**
 * Downloads a file and checks its SHA-256. It goes on from `path.part`, where an earlier try has left that.
 * @throws VitrineError (file) for a connection that breaks off, or a file with another checksum than the index gives.
 */
export async function download(
  { name, url, size, sha256: expected }: Download,
  path: string,
  onBytes: (done: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  if ((await sizeOnDisk(path)) === size && (await sha256(path)) === expected) return onBytes(size)
  const part = `${path}.part`
  let done = (await sizeOnDisk(part)) ?? 0
  if (done > size) {
    await rm(part)
    done = 0
  }
  if (done < size) {
    try {
      const headers: Record<string, string> = done > 0 ? { range: `bytes=${done}-` } : {}
      const response = await fetch(url, { headers, ...(signal ? { signal } : {}) })
      if (!response.ok || response.body === null)
        throw new VitrineError("file", `${url} answers ${response.status} ${response.statusText}`)
      if (response.status !== 206) done = 0
      const counted = async function* (body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
        for await (const chunk of body) {
          done += chunk.length
          if (done > size) throw new VitrineError("file", `${url} sends more than the ${size} bytes that it announced`)
          onBytes(done)
          yield chunk
        }
      }
      const body = response.body as unknown as AsyncIterable<Uint8Array>
      await pipeline(body, counted, createWriteStream(part, { flags: response.status === 206 ? "a" : "w" }))
    } catch (error) {
      if (VitrineError.isInstance(error) || signal?.aborted) throw error
      if ((error as NodeJS.ErrnoException).code === "ENOSPC")
        throw new VitrineError("file", `the disk is full: ${part} could not be written`, { cause: error })
      throw networkError(url, error)
    }
  }
  const actual = await sha256(part)
  if (actual !== expected) {
    await rm(part)
    throw new VitrineError(
      "file",
      `${name} came with SHA-256 ${actual}, but the index gives ${expected}: it was deleted, try again`,
    )
  }
  await rename(part, path)
}
