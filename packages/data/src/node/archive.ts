import { createReadStream } from "node:fs"
import type { FileHandle } from "node:fs/promises"
import { createGunzip } from "node:zlib"
import { readZipFile, type ZipFile, zipFiles } from "@vitrine/archive/npz"
import { VitrineError } from "@vitrine/core"
import { at } from "../at.ts"
import { BrokenImageError } from "../broken.ts"
import type { Dataset, PackedSource } from "../dataset.ts"
import { isImagePath } from "../formats.ts"
import { decodeLimits } from "../limits.ts"
import { encodedImages } from "./encoded.ts"
import { fileSource, openFile } from "./open-file.ts"
import { type ByteReader, readTar } from "./tar.ts"

/** The greatest number of bytes of a .tar.gz's images in memory. They stay compressed as files. */
export const mostPackedBytes: number = 2 ** 30
/** The greatest number of entries of a .tar.gz. Their layout needs about 200 MiB, whatever the size of the file. */
export const mostPackedEntries = 250_000
/** Unpacking stops if an archive grows by more than this factor, since images hardly compress. */
const greatestGrowth = 100
const page = 2 ** 24

/** Whether a path has the name of an archive that `readArchive` reads. */
export function isArchivePath(path: string): boolean {
  return /\.(tar|tar\.gz|tgz|zip)$/i.test(path)
}

/** A file of an archive: its path there, its size, and the offset of its bytes, or of its header in a zip. */
export interface PackedFile {
  readonly name: string
  readonly size: number
  readonly offset: number
  /** How a zip holds it. */
  readonly zip?: Pick<ZipFile, "deflated" | "crc" | "compressedSize">
}

/** The files of an archive: in the archive itself, or in pages of memory. */
export interface Packed {
  readonly path: string
  readonly files: readonly PackedFile[]
  readonly pages?: readonly Uint8Array[]
  /** The number of links and devices that were passed over. */
  readonly links: number
}

/**
 * Lists a .tar, whose files are then read in place, or a .tar.gz or .tgz. The images of the latter are read into memory
 * once, and also the files whose names `keeps` accepts.
 */
export async function readArchive(path: string, keeps: (name: string) => boolean = () => false): Promise<Packed> {
  if (/\.zip$/i.test(path)) return readZip(path)
  const files: PackedFile[] = []
  if (/\.tar$/i.test(path)) {
    const { file, size } = await openFile(path)
    try {
      const links = await readTar(fileReader(file, size), path, async (entry) => {
        files.push(entry)
        return false
      })
      return { path, files, links }
    } finally {
      await file.close()
    }
  }
  const pages: Uint8Array[] = []
  const memory = pagedMemory(pages)
  const { reader, close } = await gunzipReader(path)
  try {
    const visit = async ({ name, size }: PackedFile): Promise<boolean> => {
      files.push({ name, size, offset: memory.length() })
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
    }
    return { path, files, pages, links: await readTar(reader, path, visit, mostPackedEntries) }
  } finally {
    close()
  }
}

async function readZip(path: string): Promise<Packed> {
  const { file, size } = await openFile(path)
  try {
    const listed = await zipFiles(fileSource(file, size, path))
    const files = listed.map(({ name, size, header: offset, deflated, crc, compressedSize }) => ({
      name,
      size,
      offset,
      zip: { deflated, crc, compressedSize },
    }))
    return { path, files, links: 0 }
  } finally {
    await file.close()
  }
}

/** Some files of an archive as images of a data set. */
export function packedSource(
  { path, pages }: Packed,
  files: readonly PackedFile[],
  rest: Pick<PackedSource, "name" | "classes" | "labels" | "labelSets" | "skipped">,
): PackedSource {
  return {
    kind: "packed",
    ...rest,
    path,
    ...(pages === undefined ? {} : { pages }),
    names: files.map(({ name }) => name),
    offsets: Float64Array.from(files, ({ offset }) => offset),
    sizes: Float64Array.from(files, ({ size }) => size),
    ...(files.some(({ zip }) => zip !== undefined) && {
      zip: {
        compressedSizes: Float64Array.from(files, ({ zip }) => zip?.compressedSize ?? 0),
        deflated: Uint8Array.from(files, ({ zip }) => (zip?.deflated === true ? 1 : 0)),
        checksums: Uint32Array.from(files, ({ zip }) => zip?.crc ?? 0),
      },
    }),
  }
}

/** Opens images in an archive as a data set. They are decoded when they are read. */
export async function openPacked(source: PackedSource): Promise<Dataset> {
  const { path, names, offsets, sizes, zip } = source
  const { read, close } = await openArchive(source)
  return encodedImages({
    source,
    length: names.length,
    describe: (index) => `${path}: ${names[index]}`,
    sizeOf: (index) => at(sizes, index),
    async bytes(index) {
      const file = {
        name: at(names, index),
        size: at(sizes, index),
        offset: at(offsets, index),
        ...(zip && {
          zip: {
            compressedSize: at(zip.compressedSizes, index),
            deflated: zip.deflated[index] === 1,
            crc: at(zip.checksums, index),
          },
        }),
      }
      return read(file).catch((error: unknown) => {
        // Errors about the bytes of the archive, but not those of a failing disk.
        throw VitrineError.isInstance(error) ? new BrokenImageError(error.message, { cause: error }) : error
      })
    },
    close,
  })
}

/** Opens an archive for reading bytes. They come from its pages of memory if it has some. */
export async function openArchive({ path, pages }: Pick<Packed, "path" | "pages">): Promise<{
  read(file: PackedFile): Promise<Uint8Array>
  close(): Promise<void>
}> {
  if (pages !== undefined)
    return {
      async read({ offset, size }) {
        const bytes = Buffer.allocUnsafe(size)
        copyFrom(pages, offset, bytes)
        return bytes
      },
      close: async () => {},
    }
  const { file, size: total } = await openFile(path)
  const source = fileSource(file, total, path)
  return {
    async read({ name, offset, size, zip }) {
      if (zip !== undefined) return readZipFile(source, { name, size, header: offset, ...zip })
      if (offset + size > total) throw new VitrineError("file", `${path}: ${name}: the archive is truncated`)
      return source.read(offset, offset + size)
    },
    close: () => file.close(),
  }
}

/** Appends to pages that threads can share. All pages except the last are full. */
export function pagedMemory(pages: Uint8Array[]): { append(bytes: Uint8Array): void; length(): number } {
  let length = 0
  return {
    append(bytes) {
      for (let done = 0; done < bytes.length; ) {
        const start = length % page
        if (start === 0) pages.push(new Uint8Array(new SharedArrayBuffer(page)))
        const part = bytes.subarray(done, done + page - start)
        pages.at(-1)?.set(part, start)
        done += part.length
        length += part.length
      }
    },
    length: () => length,
  }
}

export function copyFrom(pages: readonly Uint8Array[], offset: number, out: Uint8Array): void {
  for (let done = 0; done < out.length; ) {
    const start = (offset + done) % page
    const part = at(pages, Math.floor((offset + done) / page)).subarray(start, start + out.length - done)
    out.set(part, done)
    done += part.length
  }
}

/** Reads a file from its beginning on. */
export function fileReader(file: FileHandle, size: number): ByteReader {
  const buffer = Buffer.allocUnsafe(2 ** 20)
  let start = 0 // Where the bytes in `buffer` begin in the file.
  let filled = 0
  let place = 0
  return {
    async read(n) {
      if (place < start || place + n > start + filled) {
        start = place
        filled = (await file.read(buffer, 0, buffer.length, start)).bytesRead
      }
      const bytes = buffer.subarray(place - start, Math.min(place - start + n, filled))
      place += bytes.length
      return bytes
    },
    async skip(n) {
      place += n
      return place <= size
    },
  }
}

async function gunzipReader(path: string): Promise<{ reader: ByteReader; close(): void }> {
  const { file } = await openFile(path)
  const packed = createReadStream("", { fd: file, highWaterMark: 2 ** 18 })
  const unpacked = createGunzip({ chunkSize: 2 ** 18 })
  packed.on("error", (error) => unpacked.destroy(error))
  packed.pipe(unpacked)
  const chunks: AsyncIterator<Buffer> = unpacked[Symbol.asyncIterator]()
  let chunk: Buffer = Buffer.alloc(0)
  let place = 0
  let unpackedBytes = 0
  const more = async (): Promise<boolean> => {
    const next = await chunks.next().catch((error: Error) => {
      throw new VitrineError("file", `${path}: broken gzip (${error.message})`, { cause: error })
    })
    if (next.done) return false
    chunk = next.value
    place = 0
    unpackedBytes += chunk.length
    if (unpackedBytes > 2 ** 26 + greatestGrowth * packed.bytesRead)
      throw new VitrineError("file", `${path}: unpacks to more than ${greatestGrowth} times its size`)
    return true
  }
  const reader: ByteReader = {
    async read(n) {
      if (chunk.length - place >= n) {
        place += n
        return chunk.subarray(place - n, place)
      }
      const parts: Buffer[] = []
      let count = 0
      while (count < n) {
        if (place === chunk.length && !(await more())) break
        const part = chunk.subarray(place, place + n - count)
        parts.push(part)
        count += part.length
        place += part.length
      }
      return Buffer.concat(parts)
    },
    async skip(n) {
      for (let left = n; left > 0; ) {
        if (place === chunk.length && !(await more())) return false
        const step = Math.min(left, chunk.length - place)
        place += step
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
