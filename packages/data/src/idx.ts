import { VitrineError } from "@vitrine/core"

/** The header of an IDX file of bytes (the format of the MNIST files, by Yann LeCun). */
export interface IdxHeader {
  /** The length of each axis. The first is the number of examples. */
  readonly dims: readonly number[]
  /** The number of bytes before the data. */
  readonly offset: number
  /** The number of bytes of header and data. */
  readonly size: number
}

/**
 * Reads and checks the header of an IDX file of unsigned bytes.
 * @param head at least the first 20 bytes, or the whole of a shorter file
 * @throws VitrineError with the file and the fault
 */
export function idxHeader(head: Uint8Array, name: string): IdxHeader {
  const fail = (fault: string): never => {
    throw new VitrineError("file", `${name}: ${fault}`)
  }
  if (head.length < 4) fail(`an IDX file starts with 4 bytes of magic, this one has ${head.length}`)
  if (head[0] === 0x1f && head[1] === 0x8b) fail("is gzipped; unpack it, or let its name end in .gz")
  const [zero0, zero1, type = 0, axes = 0] = head
  if (zero0 !== 0 || zero1 !== 0) fail(`not an IDX file: its magic is 0x${hex(head)}, not 0x0000080n`)
  if (type !== 0x08) fail(`holds IDX type 0x${type.toString(16).padStart(2, "0")}; only 0x08, unsigned bytes, is read`)
  if (axes < 1 || axes > 4) fail(`claims ${axes} axes; labels have 1 and images 3 or 4`)
  const offset = 4 + 4 * axes
  if (head.length < offset) fail(`ends inside its header of ${offset} bytes`)
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const dims = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis))
  const size = offset + dims.reduce((product, extent) => product * extent, 1)
  if (dims.includes(0)) fail(`claims the empty shape ${dims.join("×")}`)
  if (!Number.isSafeInteger(size)) fail(`claims the impossible shape ${dims.join("×")}`)
  return { dims, offset, size }
}

/**
 * The shape and the bytes of an IDX file, without copying.
 * @throws VitrineError unless the file is exactly as long as its header says
 */
export function parseIdx(bytes: Uint8Array, name: string): { readonly dims: readonly number[]; data: Uint8Array } {
  const { dims, offset, size } = idxHeader(bytes, name)
  if (bytes.length !== size)
    throw new VitrineError(
      "file",
      `${name}: its header claims ${dims.join("×")} = ${size} bytes, it has ${bytes.length}`,
    )
  return { dims, data: bytes.subarray(offset) }
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("")
