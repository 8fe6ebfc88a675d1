import { VitrineError } from "@vitrine/core"
import { unzip, type UnzipFileInfo, type Unzipped, zipSync } from "fflate"

/** A file with its path in the folder or archive. */
export type Entry = readonly [path: string, file: Blob]

const limits = { files: 200_000, bytes: 2 ** 30 }

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
 * size.
 */
async function unzipped(name: string, file: Blob): Promise<Entry[]> {
  if (file.size > limits.bytes)
    throw new VitrineError("file", `${name}: has ${file.size} bytes; up to ${limits.bytes} are read`)
  let [count, bytes] = [0, 0]
  let isTooLarge = false
  const filter = ({ name: path, originalSize }: UnzipFileInfo): boolean => {
    if (path.endsWith("/") || /(^|\/)(\.|__MACOSX)/.test(path)) return false
    count++
    bytes += originalSize
    isTooLarge ||= count > limits.files || bytes > limits.bytes
    return !isTooLarge
  }
  const data = new Uint8Array(await file.arrayBuffer())
  const files = await new Promise<Unzipped>((resolve, reject) => {
    unzip(data, { filter }, (error, contents) => {
      if (error === null) resolve(contents)
      else reject(new VitrineError("file", `${name}: cannot be unpacked (${error.message})`))
    })
  })
  if (isTooLarge)
    throw new VitrineError("file", `${name}: unpacks to more than ${limits.files} files or ${limits.bytes} bytes`)
  return Object.entries(files).map(([path, content]) => [path, new Blob([content])])
}

/** Packs a folder as a zip. It does not compress, since weights hardly become smaller. */
export function zipFolder(folder: string, files: Readonly<Record<string, Uint8Array>>): Uint8Array<ArrayBuffer> {
  const paths = Object.entries(files).map(([path, bytes]): [string, Uint8Array] => [`${folder}/${path}`, bytes])
  return zipSync(Object.fromEntries(paths), { level: 0 })
}
