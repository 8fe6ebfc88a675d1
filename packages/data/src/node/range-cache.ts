import { createHash, randomUUID } from "node:crypto"
import { mkdir, readFile, rename, rm, stat, statfs, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { ByteSource } from "@vitrine/archive"
import { VitrineError } from "@vitrine/core"
import { concatenated } from "../concatenated.ts"
import { type RemoteFile, type RemoteSource, remoteSource } from "../remote.ts"

/** The bytes of a disk that stay free. */
const reserve = 2 ** 30
/** A file is kept in pieces of so many bytes. */
const pieceBytes = 2 ** 20

/** The folder that keeps what is read of files on servers: the environment's VITRINE_CACHE, or undefined. */
const rangeCache = (): string | undefined => process.env["VITRINE_CACHE"] || undefined

/** What a header says of data on servers where there is a cache. */
export function cacheNotes(): string[] {
  const folder = rangeCache()
  return folder === undefined
    ? []
    : [`what is read is kept in ${folder} (VITRINE_CACHE), as long as 1 GiB of its disk stays free`]
}

/**
 * Opens a file on a server, as `remoteSource` does. If there is a cache, what lies there is not asked for again.
 * The server is asked at each opening whether the file is the same.
 * @throws VitrineError (file) for a server that does not say when a file has changed, and a folder that cannot be written
 */
export async function openRemote(file: RemoteFile): Promise<ByteSource> {
  const source = await remoteSource(file)
  const cache = rangeCache()
  return cache === undefined ? source : keepRanges(source, file.url, cache)
}

async function keepRanges(source: RemoteSource, url: string, cache: string): Promise<ByteSource> {
  const { name, size, version } = source
  if (version === undefined)
    throw new VitrineError(
      "file",
      `${name}: its server gives neither ETag nor Last-Modified, so that a file that has changed looks the same: unset VITRINE_CACHE`,
    )
  // A signed address has another query each time.
  const { origin, pathname } = new URL(url)
  const key = createHash("sha256").update([origin, pathname, version, size].join("\n")).digest("hex")
  const folder = join(cache, key)
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new VitrineError("file", `VITRINE_CACHE ${cache}: cannot be written: give a folder that can, or unset it`, {
      cause,
    })
  })
  const kept = async (piece: number): Promise<Uint8Array | undefined> => {
    const path = join(folder, String(piece))
    const length = Math.min(pieceBytes, size - piece * pieceBytes)
    const info = await stat(path).catch(() => undefined)
    if (!info?.isFile() || info.size !== length) return undefined
    return readFile(path).catch(() => undefined)
  }
  /** Reads some pieces, which lie side by side, by one request. */
  const fetched = async (first: number, last: number): Promise<Uint8Array[]> => {
    const begin = first * pieceBytes
    const bytes = await source.read(begin, Math.min(size, (last + 1) * pieceBytes))
    const pieces = Array.from({ length: last - first + 1 }, (_, i) =>
      bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes),
    )
    for (const [i, piece] of pieces.entries()) await keep(join(folder, String(first + i)), piece)
    return pieces
  }
  return {
    name,
    size,
    async read(begin, end) {
      const to = Math.min(end, size)
      if (begin >= to) return source.read(begin, end)
      const [first, last] = [Math.floor(begin / pieceBytes), Math.floor((to - 1) / pieceBytes)]
      const pieces: (Uint8Array | undefined)[] = []
      for (let piece = first; piece <= last; piece++) pieces.push(await kept(piece))
      for (let i = 0; i < pieces.length; i++) {
        if (pieces[i] !== undefined) continue
        let next = i + 1
        while (next < pieces.length && pieces[next] === undefined) next++
        pieces.splice(i, next - i, ...(await fetched(first + i, first + next - 1)))
      }
      const from = begin - first * pieceBytes
      return concatenated(pieces.filter((piece) => piece !== undefined)).subarray(from, from + to - begin)
    },
  }
}

/** Writes a file whole or not at all. A disk that is full keeps nothing more. */
async function keep(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}.${randomUUID()}`
  try {
    const { bavail, bsize } = await statfs(join(path, ".."))
    if (bavail * bsize - bytes.length < reserve) return
    await writeFile(part, bytes)
    await rename(part, path)
  } catch {
    await rm(part, { force: true }).catch(() => {})
  }
}
