import { VitrineError } from "@vitrine/core"
import { at } from "../at.ts"
import type { SharedPaths } from "../dataset.ts"
import type { NameList } from "../names.ts"

const pageBytes = 2 ** 20
/** The bytes before each path, which say its length. */
const lengthBytes = 2
/** The places that are collected in one array. */
const partLength = 2 ** 15

/** A list of paths in buffers. */
export interface PathList extends NameList, Pick<SharedPaths, "pages" | "starts"> {
  /** Some of the paths, by their indices. The buffers are shared. */
  pick(indices: Uint32Array): PathList
}

/** Collects paths in buffers. */
export interface PathWriter {
  readonly count: number
  add(path: string): void
  list(): PathList
}

export function pathWriter(): PathWriter {
  const pages: Buffer[] = []
  const starts: Uint32Array[] = []
  let count = 0
  let free = 0
  let end = 0
  return {
    get count() {
      return count
    },
    add(path) {
      // UTF-8 has at most three bytes for a unit of UTF-16.
      if (lengthBytes + 3 * path.length > end - free) {
        if (path.length > 2 ** 14) throw new VitrineError("file", `${path.slice(0, 80)}…: the path is too long`)
        if (pages.length === 2 ** 12) throw new VitrineError("file", "the paths of the files take more than 4 GiB")
        free = pages.length * pageBytes
        end = free + pageBytes
        pages.push(Buffer.from(new SharedArrayBuffer(pageBytes)))
      }
      const page = at(pages, pages.length - 1)
      const place = free % pageBytes
      const length = page.write(path, place + lengthBytes)
      page.writeUInt16LE(length, place)
      if (count % partLength === 0) starts.push(new Uint32Array(partLength))
      at(starts, starts.length - 1)[count++ % partLength] = free
      free += lengthBytes + length
    },
    list() {
      const all = sharedNumbers(count)
      for (const [i, part] of starts.entries())
        all.set(part.subarray(0, Math.min(partLength, count - i * partLength)), i * partLength)
      return pathList(pages, all)
    },
  }
}

/** Writes paths to buffers. */
export function pathsOf(names: Iterable<string>): PathList {
  const writer = pathWriter()
  for (const name of names) writer.add(name)
  return writer.list()
}

/** Opens paths in buffers. */
export function pathList(pages: readonly Uint8Array[], starts: Uint32Array): PathList {
  const texts = pages.map(({ buffer, byteOffset, length }) => Buffer.from(buffer, byteOffset, length))
  const read = (start: number): string => {
    const page = at(texts, Math.floor(start / pageBytes))
    const place = start % pageBytes
    const from = place + lengthBytes
    return page.toString("utf8", from, from + page.readUInt16LE(place))
  }
  return {
    pages,
    starts,
    length: starts.length,
    at(index) {
      const start = starts[index]
      return start === undefined ? undefined : read(start)
    },
    pick(indices) {
      const some = sharedNumbers(indices.length)
      for (const [i, index] of indices.entries()) some[i] = at(starts, index)
      return pathList(pages, some)
    },
    *[Symbol.iterator]() {
      for (const start of starts) yield read(start)
    },
  }
}

const sharedNumbers = (length: number): Uint32Array =>
  new Uint32Array(new SharedArrayBuffer(length * Uint32Array.BYTES_PER_ELEMENT))
