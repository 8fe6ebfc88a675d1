import { basename } from "node:path"
import { promisify } from "node:util"
import { constants, gunzip, gunzipSync } from "node:zlib"
import { VitrineError } from "@vitrine/core"
import type { Dataset, IdxSource } from "../dataset.ts"
import { numberedClasses } from "../classes.ts"
import { type IdxHeader, idxHeader, parseIdx } from "../idx.ts"
import { checkLabels, pixels } from "../pixels.ts"
import { messageOf } from "../message.ts"
import { openFile, readFileWithin } from "./open-file.ts"

/** The greatest size of an unpacked IDX file in bytes. */
const maxBytes = 2 ** 31
/** The greatest ratio of deflate: a byte cannot become more bytes than this. */
const greatestRatio = 1032
const gunzipAsync = promisify(gunzip)

/**
 * Reads an IDX file into memory that threads can share. The file is gzipped if its name ends in .gz.
 * @throws VitrineError with the file; no memory is allocated for sizes that the file cannot have
 */
export async function readIdx(path: string): Promise<{ dims: readonly number[]; data: Uint8Array }> {
  const { file, size: stored } = await openFile(path)
  try {
    const zipped = path.endsWith(".gz")
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(stored, zipped ? 4096 : 20)), { position: 0 })
    const start = buffer.subarray(0, bytesRead)
    const header = idxHeader(zipped ? unzipStart(start, path) : start, path)
    checkClaim(header, stored, zipped, path)
    const bytes = new Uint8Array(new SharedArrayBuffer(header.size))
    if (zipped) bytes.set(await unzip(await readFileWithin(path, stored), header, path))
    else {
      let at = 0
      while (at < bytes.length) {
        const { bytesRead: count } = await file.read(bytes, at, Math.min(bytes.length - at, 2 ** 28), at)
        if (count === 0) throw new VitrineError("file", `${path}: ends after ${at} of ${bytes.length} bytes`)
        at += count
      }
    }
    return parseIdx(bytes, path)
  } finally {
    await file.close()
  }
}

function checkClaim({ dims, size }: IdxHeader, stored: number, zipped: boolean, path: string): void {
  const claim = `${path}: its header claims ${dims.join("×")} = ${size} bytes`
  if (zipped ? size > stored * greatestRatio : size !== stored)
    throw new VitrineError("file", `${claim}, but the file has ${stored}${zipped ? " packed" : ""}`)
  if (size > maxBytes) throw new VitrineError("file", `${claim}; up to ${maxBytes} are read`)
}

function unzipStart(start: Buffer, path: string): Uint8Array {
  try {
    return gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH })
  } catch (error) {
    throw new VitrineError("file", `${path}: is not a gzip file (${messageOf(error)})`)
  }
}

async function unzip(packed: Uint8Array, { dims, size }: IdxHeader, path: string): Promise<Uint8Array> {
  try {
    const bytes = await gunzipAsync(packed, { maxOutputLength: size })
    if (bytes.length === size) return bytes
    throw new VitrineError(
      "file",
      `${path}: its header claims ${dims.join("×")} = ${size} bytes, unpacked it has ${bytes.length}`,
    )
  } catch (error) {
    if (VitrineError.isInstance(error)) throw error
    const tooLarge = error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE"
    const fault = tooLarge
      ? `unpacks to more than the ${size} bytes that its header claims`
      : `broken gzip (${messageOf(error)})`
    throw new VitrineError("file", `${path}: ${fault}`, { cause: error })
  }
}

/** Opens a pair of IDX files: images [n, height, width] or [n, height, width, 1 | 3], and labels [n]. */
export async function openIdx({ images, labels, classes }: IdxSource): Promise<Dataset> {
  const classOf = await readIdx(labels)
  if (classOf.dims.length !== 1)
    throw new VitrineError("file", `${labels}: labels have one axis, this file has the shape ${classOf.dims.join("×")}`)
  const picture = await readIdx(images)
  const [count = 0, height = 0, width = 0, channels = 1] = picture.dims
  if (picture.dims.length < 3 || (channels !== 1 && channels !== 3))
    throw new VitrineError(
      "file",
      `${images}: images have the shape count×height×width or …×1 or …×3, not ${picture.dims.join("×")}`,
    )
  if (count !== classOf.dims[0])
    throw new VitrineError("file", `${images} has ${count} images, ${labels} has ${classOf.dims[0]} labels`)
  const names = classes ?? numberedClasses(classOf.data, labels).classes
  checkLabels(labels, classOf.data, names.length)
  const shared = new Int32Array(new SharedArrayBuffer(4 * count))
  shared.set(classOf.data)
  return pixels({
    name: basename(images),
    classes: names,
    height,
    width,
    channels,
    pixels: picture.data,
    labels: shared,
  })
}
