import { createHash } from "node:crypto"
import { createReadStream, createWriteStream } from "node:fs"
import { rename, rm, stat } from "node:fs/promises"
import { pipeline } from "node:stream/promises"
import { VitrineError } from "@vitrine/core"
import type { Download } from "./plan.ts"
import { networkError, type PythonIndex, refusal, shownUrl } from "./python-index.ts"

export interface DownloadOptions {
  readonly index: PythonIndex
  readonly onBytes: (done: number) => void
  readonly signal?: AbortSignal | undefined
  /** Milliseconds. A download fails if the server sends less than 1 KiB a second over this time. */
  readonly patience?: number
}

const sizeOnDisk = async (path: string): Promise<number | undefined> => (await stat(path).catch(() => undefined))?.size

/** The hash of a file, in hexadecimal or base64. */
export async function hashOf(path: string, algorithm: "sha256" | "sha512", form: "hex" | "base64"): Promise<string> {
  const hash = createHash(algorithm)
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest(form)
}

/**
 * Downloads a file and checks its SHA-256. It continues with `path.part` if an earlier download left that file. If the
 * server refuses to continue, it starts again.
 * @throws VitrineError (file) if the connection breaks, or the checksum differs from the pinned one
 */
export async function download(file: Download, path: string, options: DownloadOptions): Promise<void> {
  const { name, size, sha256 } = file
  if ((await sizeOnDisk(path)) === size && (await hashOf(path, "sha256", "hex")) === sha256)
    return options.onBytes(size)
  const part = `${path}.part`
  if (((await sizeOnDisk(part)) ?? 0) > size) await rm(part)
  if ((await sizeOnDisk(part)) !== size) await fetchRest(file, part, options)
  const actual = await hashOf(part, "sha256", "hex")
  if (actual !== sha256) {
    await rm(part)
    throw new VitrineError("file", `${name} came with SHA-256 ${actual}, expected ${sha256}: it was deleted, try again`)
  }
  await rename(part, path)
}

/** Appends the missing bytes to the partial file. */
async function fetchRest(
  { url, size }: Download,
  part: string,
  { index, onBytes, signal, patience = 30_000 }: DownloadOptions,
): Promise<void> {
  const init = signal ? { signal } : {}
  let done = (await sizeOnDisk(part)) ?? 0
  try {
    let response = await index.fetch(url, { ...init, headers: done > 0 ? { range: `bytes=${done}-` } : {} })
    // The partial file is longer than the file that the server has now.
    if (response.status === 416 && done > 0) response = await index.fetch(url, init)
    if (!response.ok || response.body === null) throw refusal(url, response)
    const append = response.status === 206
    if (!append) done = 0
    const counted = async function* (body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      let since = performance.now()
      let before = done
      for await (const chunk of body) {
        done += chunk.length
        if (done > size)
          throw new VitrineError("file", `${shownUrl(url)} sends more than the ${size} bytes that it should have`)
        onBytes(done)
        yield chunk
        if (performance.now() - since < patience) continue
        if (done - before < patience)
          throw new VitrineError("file", `${shownUrl(url)} sends less than 1 KiB a second; try again later`)
        since = performance.now()
        before = done
      }
    }
    await pipeline(response.body, counted, createWriteStream(part, { flags: append ? "a" : "w" }))
  } catch (error) {
    if (VitrineError.isInstance(error) || signal?.aborted) throw error
    if (error instanceof Error && "code" in error && error.code === "ENOSPC")
      throw new VitrineError("file", `the disk is full: ${part} could not be written`, { cause: error })
    throw networkError(url, error)
  }
}
