import { VitrineError } from "@vitrine/core"
import { unzip, type UnzipFileInfo, zipSync } from "fflate"

/** A file with its path in the folder or archive that it comes from. */
export type Entry = readonly [path: string, file: Blob]

const most = { files: 200_000, bytes: 2 ** 30 }

/** Puts the files of zips in their place, and drops the enclosing folder that all paths share. */
export async function unpack(entries: readonly Entry[]): Promise<Map<string, Blob>> {
  const files = new Map<string, Blob>()
  for (const [path, file] of entries)
    if (/\.zip$/i.test(path)) for (const [inner, bytes] of await unzipped(path, file)) files.set(inner, bytes)
    else files.set(path, file)
  return files
}

/** Sizes are what the archive's directory says; what unpacks to more than that is cut off by fflate. */
async function unzipped(name: string, file: Blob): Promise<[string, Blob][]> {
  if (file.size > most.bytes)
    throw new VitrineError("file", `${name}: has ${file.size} bytes; up to ${most.bytes} are read`)
  let [count, bytes] = [0, 0]
  let excess = false
  const filter = ({ name: inner, originalSize }: UnzipFileInfo): boolean => {
    if (inner.endsWith("/") || /(^|\/)(\.|__MACOSX)/.test(inner)) return false
    count++
    bytes += originalSize
    excess ||= count > most.files || bytes > most.bytes
    return !excess
  }
  const data = new Uint8Array(await file.arrayBuffer())
  const found = await new Promise<Record<string, Uint8Array>>((resolve, reject) => {
    unzip(data, { filter }, (error, files) => {
      if (error === null) resolve(files)
      else reject(new VitrineError("file", `${name}: cannot be unpacked (${error.message})`))
    })
  })
  if (excess) throw new VitrineError("file", `${name}: unpacks to more than ${most.files} files or ${most.bytes} bytes`)
  return Object.entries(found).map(([inner, content]) => [inner, new Blob([content as Uint8Array<ArrayBuffer>])])
}

/** The files of a folder as a zip. Weights hardly compress, so nothing is. */
export function packed(folder: string, files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const named = Object.entries(files).map(([path, bytes]): [string, Uint8Array] => [`${folder}/${path}`, bytes])
  return zipSync(Object.fromEntries(named), { level: 0 })
}
