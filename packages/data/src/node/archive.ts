import { createReadStream } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { basename } from "node:path"
import { createGunzip } from "node:zlib"
import { VitrineError } from "@vitrine/core"
import type { Dataset, PackedSource } from "../dataset.ts"
import { isImagePath, folderLayout, type FolderSplit } from "../layout.ts"
import { decodeLimits } from "../limits.ts"
import { decodeImage } from "./decode.ts"
import { type ByteReader, readTar } from "./tar.ts"
import { unreadable } from "./unreadable.ts"

/** Images of a .tar.gz are kept in memory, packed as they are, up to this many bytes in all. */
export const mostPackedBytes: number = 2 ** 30
/** Unpacking stops when an archive grows by more than this factor: images hardly compress. */
const greatestGrowth = 100
const page = 2 ** 24

/** Whether a path is named like an archive that `resolveArchive` reads. */
export function isArchivePath(path: string): boolean {
  return /\.(tar|tar\.gz|tgz)$/i.test(path)
}

/** The files of an archive: in the archive itself, or packed in pages of memory. */
export interface Packed {
  readonly path: string
  readonly names: readonly string[]
  readonly offsets: readonly number[]
  readonly sizes: readonly number[]
  readonly pages?: readonly Uint8Array[]
  /** Links and devices, which were passed over. */
  readonly links: number
}

/**
 * Lists a .tar, which is then read in place, or a .tar.gz or .tgz, of which images and what else `keeps` names are read into
 * memory once.
 */
export async function readArchive(path: string, keeps: (name: string) => boolean = () => false): Promise<Packed> {
  const zipped = !/\.tar$/i.test(path)
  const names: string[] = []
  const offsets: number[] = []
  const sizes: number[] = []
  if (!zipped) {
    const file = await openFile(path)
    try {
      const links = await readTar(fileReader(file, (await file.stat()).size), path, async ({ name, size, offset }) => {
        names.push(name)
        sizes.push(size)
        offsets.push(offset)
        return false
      })
      return { path, names, offsets, sizes, links }
    } finally {
      await file.close()
    }
  }
  const pages: Uint8Array[] = []
  const memory = pagedMemory(pages)
  const { reader, close } = await gunzipReader(path)
  try {
    const links = await readTar(reader, path, async ({ name, size }) => {
      names.push(name)
      sizes.push(size)
      offsets.push(memory.length())
      if (!(isImagePath(name) || keeps(name)) || size > decodeLimits.fileBytes) return false
      if (memory.length() + size > mostPackedBytes)
        throw new VitrineError(
          "file",
          `${path}: holds over ${mostPackedBytes} bytes of images; unpack it to a .tar or a folder`,
        )
      for (let left = size; left > 0; ) {
        const bytes = await reader.read(Math.min(left, 2 ** 20))
        if (bytes.length === 0) throw new VitrineError("file", `${path}: is truncated in ${name}`)
        memory.append(bytes)
        left -= bytes.length
      }
      return true
    })
    return { path, names, offsets, sizes, pages, links }
  } finally {
    close()
  }
}

/** Some files of an archive, by their places in it, as images of a data set. */
export function packedSource(
  { path, names, offsets, sizes, pages }: Packed,
  items: readonly number[],
  rest: Pick<PackedSource, "name" | "classes" | "labels" | "skipped">,
): PackedSource {
  return {
    kind: "packed",
    ...rest,
    path,
    ...(pages === undefined ? {} : { pages }),
    names: items.map((item) => names[item] as string),
    offsets: Float64Array.from(items, (item) => offsets[item] as number),
    sizes: Float64Array.from(items, (item) => sizes[item] as number),
  }
}

/** Finds classes and splits in an archive. Both sets share its memory. */
export async function resolveArchive(
  path: string,
  options: { valFraction?: number; seed?: number },
): Promise<{ train: PackedSource; val: PackedSource | null }> {
  const packed = await readArchive(path)
  const parts = folderLayout(packed.names, path, options)
  const source = ({ items, labels }: FolderSplit, split: string): PackedSource =>
    packedSource(packed, items, {
      name: `${basename(path)} ${split}`,
      classes: parts.classes,
      labels,
      skipped: parts.skipped + packed.links,
    })
  return { train: source(parts.train, "train"), val: parts.val === null ? null : source(parts.val, "val") }
}

/** Opens images inside an archive as a data set; they are decoded when they are read. */
export async function openPacked(source: PackedSource): Promise<Dataset> {
  const { name, classes, path, names, offsets, sizes, labels } = source
  const { read, close } = await openArchive(source)
  const describe = (index: number): string => `${path}: ${names[index]}`
  return {
    name,
    classes,
    length: names.length,
    channels: 3,
    labels,
    source,
    describe,
    async read(index) {
      const size = sizes[index] as number
      if (size > decodeLimits.fileBytes)
        throw new VitrineError(
          "file",
          `${describe(index)}: is ${size} bytes; images up to ${decodeLimits.fileBytes} are read`,
        )
      return decodeImage(await read(offsets[index] as number, size, describe(index)), describe(index))
    },
    close,
  }
}

/** Reads bytes of an archive, from its pages of memory where it has some. */
export async function openArchive({ path, pages }: Pick<Packed, "path" | "pages">): Promise<{
  read(offset: number, size: number, name: string): Promise<Uint8Array>
  close(): Promise<void>
}> {
  const file = pages === undefined ? await openFile(path) : undefined
  return {
    async read(offset, size, name) {
      const bytes = Buffer.allocUnsafe(size)
      if (pages !== undefined) copyFrom(pages, offset, bytes)
      else if (file !== undefined) {
        const { bytesRead } = await file.read(bytes, 0, size, offset)
        if (bytesRead < size) throw new VitrineError("file", `${name}: the archive is truncated`)
      }
      return bytes
    },
    async close() {
      await file?.close()
    },
  }
}

/** Appends to pages that threads can share; each is full but the last. */
function pagedMemory(pages: Uint8Array[]): { append(bytes: Uint8Array): void; length(): number } {
  let length = 0
  return {
    append(bytes) {
      for (let done = 0; done < bytes.length; ) {
        const at = length % page
        if (at === 0) pages.push(new Uint8Array(new SharedArrayBuffer(page)))
        const part = bytes.subarray(done, done + page - at)
        pages.at(-1)?.set(part, at)
        done += part.length
        length += part.length
      }
    },
    length: () => length,
  }
}

function copyFrom(pages: readonly Uint8Array[], offset: number, out: Uint8Array): void {
  for (let done = 0; done < out.length; ) {
    const at = (offset + done) % page
    const part = (pages[Math.floor((offset + done) / page)] as Uint8Array).subarray(at, at + out.length - done)
    out.set(part, done)
    done += part.length
  }
}

async function openFile(path: string): Promise<FileHandle> {
  return open(path).catch((error: Error) => {
    throw unreadable(path, error)
  })
}

function fileReader(file: FileHandle, size: number): ByteReader {
  const buffer = Buffer.allocUnsafe(2 ** 20)
  let start = 0 // Of what `buffer` holds, in the file.
  let held = 0
  let at = 0
  return {
    async read(n) {
      if (at < start || at + n > start + held) {
        start = at
        held = (await file.read(buffer, 0, buffer.length, start)).bytesRead
      }
      const bytes = buffer.subarray(at - start, Math.min(at - start + n, held))
      at += bytes.length
      return bytes
    },
    async skip(n) {
      at += n
      return at <= size
    },
  }
}

async function gunzipReader(path: string): Promise<{ reader: ByteReader; close(): void }> {
  const file = await openFile(path)
  const packed = createReadStream("", { fd: file, highWaterMark: 2 ** 18 })
  const unpacked = createGunzip({ chunkSize: 2 ** 18 })
  packed.on("error", (error) => unpacked.destroy(error))
  packed.pipe(unpacked)
  const chunks = unpacked[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let chunk: Buffer = Buffer.alloc(0)
  let at = 0
  let made = 0
  const more = async (): Promise<boolean> => {
    const next = await chunks.next().catch((error: Error) => {
      throw new VitrineError("file", `${path}: broken gzip (${error.message})`, { cause: error })
    })
    if (next.done) return false
    chunk = next.value
    at = 0
    made += chunk.length
    if (made > 2 ** 26 + greatestGrowth * packed.bytesRead)
      throw new VitrineError("file", `${path}: unpacks to more than ${greatestGrowth} times its size`)
    return true
  }
  const reader: ByteReader = {
    async read(n) {
      if (chunk.length - at >= n) {
        at += n
        return chunk.subarray(at - n, at)
      }
      const parts: Buffer[] = []
      let count = 0
      while (count < n) {
        if (at === chunk.length && !(await more())) break
        const part = chunk.subarray(at, at + n - count)
        parts.push(part)
        count += part.length
        at += part.length
      }
      return Buffer.concat(parts)
    },
    async skip(n) {
      for (let left = n; left > 0; ) {
        if (at === chunk.length && !(await more())) return false
        const step = Math.min(left, chunk.length - at)
        at += step
        left -= step
      }
      return true
    },
  }
  const close = (): void => {
    packed.destroy()
    unpacked.destroy()
  }
  return { reader, close }
}
