import type { Compressors } from "hyparquet"
import { compressors, decompressZstd } from "hyparquet-compressors"

/** Node's own library. Pages have none. */
const zlib = globalThis.process?.getBuiltinModule?.("node:zlib")

type Unzip = (input: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array

const isUnzip = (value: unknown): value is Unzip => typeof value === "function"

/** Node's own Zstandard, which it has from 22.15 on. */
const unzstd: unknown = zlib && Reflect.get(zlib, "zstdDecompressSync")

/** Codecs that stop at the size that a page says, and take no more memory. */
export const codecs: Compressors = {
  ...compressors,
  ...(zlib && { GZIP: (input, length) => plain(zlib.unzipSync(input, { maxOutputLength: Math.max(1, length) })) }),
  BROTLI: (input, length) => {
    if (zlib === undefined) throw new Error("brotli is read in Node only")
    return plain(zlib.brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) }))
  },
  ZSTD: (input, length) => {
    const size = zstdSize(input) ?? length
    if (size !== length) throw new Error(`a page of ${size} bytes, not ${length}`)
    if (isUnzip(unzstd)) return plain(unzstd(input, { maxOutputLength: Math.max(1, length) }))
    return decompressZstd(input, new Uint8Array(length))
  },
}

/** `slice` of Node's buffers differs from that of other byte arrays. */
const plain = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** The size of the content that a frame of Zstandard says, if it says one (RFC 8878, 3.1.1.1). */
function zstdSize(input: Uint8Array): number | undefined {
  if (input.length < 5) return undefined
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  const flags = view.getUint8(4)
  const isSingle = ((flags >> 5) & 1) === 1
  const dictionary = [0, 1, 2, 4][flags & 3] ?? 0
  const at = 5 + (isSingle ? 0 : 1) + dictionary
  if (view.getUint32(0, true) !== 0xfd2fb528) return undefined
  switch (flags >> 6) {
    case 0:
      return isSingle ? view.getUint8(at) : undefined
    case 1:
      return view.getUint16(at, true) + 256
    case 2:
      return view.getUint32(at, true)
    default:
      return Number(view.getBigUint64(at, true))
  }
}
