import { VitrineError } from "@vitrine/core"
import { type UnzipFileInfo, unzipSync, zipSync } from "fflate"

/** A file with its path in the folder or archive. */
export type Entry = readonly [path: string, file: Blob]

const limits = { entries: 500_000, files: 200_000, bytes: 2 ** 30 }

/** All files by their paths. Zips are replaced by the files in them. */
export async function unpack(entries: readonly Entry[]): Promise<Map<string, Blob>> {
  const files = new Map<string, Blob>()
  for (const [path, file] of entries)
    if (/\.zip$/i.test(path)) for (const [inner, content] of await unzipped(path, file)) files.set(inner, content)
    else files.set(path, file)
  return files
}

/**
 * The limits are checked with the sizes in the archive's directory. fflate cuts a file that unpacks to more than its
 * size. It unpacks in this thread: otherwise it would start a worker for each large file, and all of them at once.
 */
async function unzipped(name: string, file: Blob): Promise<Entry[]> {
  if (file.size > limits.bytes)
    throw new VitrineError("file", `${name}: has ${file.size} bytes; up to ${limits.bytes} are read`)
  const most = Math.min(limits.bytes, 2 ** 26 + 100 * file.size)
  let [entries, count, bytes] = [0, 0, 0]
  const filter = ({ name: path, originalSize }: UnzipFileInfo): boolean => {
    entries++
    const isUsed = !path.endsWith("/") && !/(^|\/)(\.|__MACOSX)/.test(path)
    if (isUsed) {
      count++
      bytes += originalSize
    }
    // A directory may claim four billion entries.
    if (entries > limits.entries || count > limits.files || bytes > most)
      throw new VitrineError("file", `${name}: unpacks to more than ${limits.files} files or ${most} bytes`)
    return isUsed
  }
  const data = new Uint8Array(await file.arrayBuffer())
  try {
    return Object.entries(unzipSync(data, { filter })).map(([path, content]) => [path, new Blob([content])])
  } catch (error) {
    if (VitrineError.isInstance(error)) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new VitrineError("file", `${name}: cannot be unpacked (${reason})`, { cause: error })
  }
}

/** Packs a folder as a zip. It does not compress, since weights hardly become smaller. */
export function zipFolder(folder: string, files: Readonly<Record<string, Uint8Array>>): Uint8Array<ArrayBuffer> {
  const paths = Object.entries(files).map(([path, bytes]): [string, Uint8Array] => [`${folder}/${path}`, bytes])
  return zipSync(Object.fromEntries(paths), { level: 0 })
}
