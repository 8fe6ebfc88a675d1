import { compressors, decompressZstd } from "hyparquet-compressors"

/** Node's own library. Pages have none. */
const zlib = globalThis.process?.getBuiltinModule?.("node:zlib")

type Unpack = (input: Uint8Array, length: number) => Uint8Array

/**
 * Finds what decompresses the pages of a codec, or undefined for an unknown one. It stops at the size that a page says,
 * and takes no more memory.
 */
export async function unpackOf(codec: string): Promise<Unpack | undefined> {
  switch (codec) {
    case "GZIP":
      return zlib === undefined
        ? compressors.GZIP
        : (input, length) => plain(zlib.unzipSync(input, { maxOutputLength: Math.max(1, length) }))
    case "BROTLI":
      return (input, length) => {
        if (zlib === undefined) throw new Error("brotli is read in Node only")
        return plain(zlib.brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) }))
      }
    case "ZSTD": {
      zstd ??= openZstd()
      const unpack = await zstd
      return (input, length) => {
        const size = zstdSize(input) ?? length
        if (size !== length) throw new Error(`a page of ${size} bytes, not ${length}`)
        return length === 0 ? new Uint8Array() : unpack(input, length)
      }
    }
    default:
      return Object.entries(compressors).find(([name]) => name === codec)?.[1]
  }
}

let zstd: Promise<Unpack> | undefined

/** Opens Zstandard in WebAssembly, or in JavaScript where the policy of a page keeps it from being fetched. */
async function openZstd(): Promise<Unpack> {
  const { ZSTDDecoder } = await import("zstddec")
  const decoder = new ZSTDDecoder()
  try {
    await decoder.init()
  } catch {
    return (input, length) => decompressZstd(input, new Uint8Array(length))
  }
  return (input, length) => decoder.decode(input, length)
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
