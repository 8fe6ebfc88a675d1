import { createHash } from "node:crypto"
import { stat } from "node:fs"
import { relative } from "node:path"
import { promisify } from "node:util"
import { at } from "../at.ts"
import { eachConcurrently } from "../concurrent.ts"
import type { DatasetSource, ParquetPart } from "../dataset.ts"
import { grouped } from "../grouped.ts"
import { mapped, type NameList } from "../names.ts"
import { isAddress } from "../remote.ts"
import { absolutePaths } from "./files.ts"
import type { ResolvedData } from "../resolved.ts"
import { unreadable } from "./unreadable.ts"

/** What data consist of, to tell later whether they are still the same. */
export interface Listing {
  /** The number of files. */
  readonly files: number
  /** The size of all files in bytes. */
  readonly bytes: number
  /** The SHA-256 of all paths and sizes, sorted by path. */
  readonly digest: string
}

/**
 * Lists the files of a data set, or returns null for data without files.
 * @param root the folder of the data; paths are relative to it, so that data may move
 * @throws VitrineError (file) for a file that no longer exists
 */
export async function dataListing({ train, val, test }: ResolvedData, root: string): Promise<Listing | null> {
  const parts: SizedNames[] = []
  for (const source of [train, val, test]) if (source !== null) parts.push(await namesOf(source, root))
  const { names, sizes } = together(parts)
  if (names.length === 0) return null
  const hash = createHash("sha256")
  let bytes = 0
  let files = 0
  for (const [name, item] of sortedNames(names)) {
    const size = at(sizes, item)
    hash.update(`${name}\0${size}\n`)
    bytes += size
    files++
  }
  return { files, bytes, digest: hash.digest("hex") }
}

/** Names of files, and their sizes. */
interface SizedNames {
  readonly names: NameList
  readonly sizes: Float64Array
}

function together(parts: readonly SizedNames[]): SizedNames {
  const length = parts.reduce((sum, { names }) => sum + names.length, 0)
  const sizes = new Float64Array(length)
  let place = 0
  for (const part of parts) {
    sizes.set(part.sizes, place)
    place += part.sizes.length
  }
  return {
    names: {
      length,
      at(index) {
        let rest = index
        for (const { names } of parts) {
          if (rest < names.length) return names.at(rest)
          rest -= names.length
        }
        return undefined
      },
      *[Symbol.iterator]() {
        for (const { names } of parts) yield* names
      },
    },
    sizes,
  }
}

/**
 * Sorts names by their units of UTF-16, each once with its last index. There may be a million of them, so that only
 * those of one folder are strings at a time.
 */
function* sortedNames(names: NameList): Generator<readonly [name: string, item: number]> {
  const folders = new Map<string, number>()
  const folderOf = new Uint32Array(names.length)
  let place = 0
  for (const name of names) {
    const folder = name.slice(0, name.lastIndexOf("/") + 1)
    const index = folders.get(folder) ?? folders.size
    folders.set(folder, index)
    folderOf[place++] = index
  }
  const items = grouped(folderOf, folders.size)
  const parents = new Set([...folders.keys()].flatMap(foldersAbove))
  // The names of a folder without folders stand together. Those of other folders stand among the names of folders.
  const blocks: (readonly [start: string, items: Uint32Array])[] = []
  for (const [folder, index] of folders) {
    const inside = at(items, index)
    if (!parents.has(folder)) blocks.push([folder, inside])
    else for (const [i, item] of inside.entries()) blocks.push([names.at(item) ?? "", inside.subarray(i, i + 1)])
  }
  let last: readonly [string, number] | undefined
  for (const [, inside] of blocks.sort(byName))
    for (const entry of Array.from(inside, (item) => [names.at(item) ?? "", item] as const).sort(byName)) {
      if (last !== undefined && last[0] !== entry[0]) yield last
      last = entry
    }
  if (last !== undefined) yield last
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a === b ? 0 : a < b ? -1 : 1

/** The folders that hold a folder, each with "/" at its end; "" is the outermost one. */
function foldersAbove(folder: string): string[] {
  const above = folder === "" ? [] : [""]
  for (let end = folder.indexOf("/"); end >= 0 && end < folder.length - 1; end = folder.indexOf("/", end + 1))
    above.push(folder.slice(0, end + 1))
  return above
}

/** The greatest number of system calls that wait at a time. */
const atOnce = 64
/** `stat` of `node:fs/promises` takes twice the time. */
const facts = promisify(stat)

/** The paths of a source's files from the folder of the data, and their sizes. */
async function namesOf(source: DatasetSource, root: string): Promise<SizedNames> {
  const onDisk = async (paths: NameList): Promise<SizedNames> => {
    const sizes = new Float64Array(paths.length)
    await eachConcurrently(paths, atOnce, async (path, i) => {
      const { size } = await facts(path).catch((error: unknown) => {
        throw unreadable(path, error)
      })
      sizes[i] = size
    })
    const nameOf = (path: string): string => relative(root, path).replaceAll("\\", "/")
    return { names: mapped(paths, nameOf), sizes }
  }
  const anywhere = async (files: readonly Pick<ParquetPart, "path" | "bytes">[]): Promise<SizedNames> => {
    const remote = files.filter(({ path }) => isAddress(path))
    const local = await onDisk(files.flatMap(({ path }) => (isAddress(path) ? [] : [path])))
    const names = remote.map(({ path }) => new URL(path).pathname)
    return together([local, { names, sizes: Float64Array.from(remote, ({ bytes }) => bytes) }])
  }
  switch (source.kind) {
    case "subset":
      return namesOf(source.of, root)
    case "idx":
      return onDisk([source.images, source.labels])
    case "npz":
      return onDisk([source.path])
    case "packed":
      return { names: source.names, sizes: source.sizes }
    case "shards":
      return anywhere(source.paths.map((path, i) => ({ path, bytes: at(source.bytes, i) })))
    case "parquet":
      return anywhere(source.files)
    case "files":
      return onDisk(absolutePaths(source))
    case "shapes":
    case "pixels":
      return { names: [], sizes: new Float64Array() }
  }
}
