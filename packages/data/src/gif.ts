import { concatenated } from "./concatenated.ts"
import { decodeLimits } from "./limits.ts"
import type { Image } from "./image.ts"

/**
 * The first frame of a GIF in RGB, as Pillow's `convert("RGB")` gives it: a transparent entry of the palette keeps its colour,
 * and places outside of the frame have the transparent entry, or else entry 0.
 * https://www.w3.org/Graphics/GIF/spec-gif89a.txt
 * @param bytes of a file that begins as a GIF.
 * @throws Error with the fault.
 */
export function decodeGif(bytes: Uint8Array): Image {
  const reader = readerOf(bytes)
  reader.skip(6)
  let [width, height] = [reader.word(), reader.word()]
  const flags = reader.byte()
  reader.skip(2)
  const shared = flags & 0x80 ? reader.take(3 * 2 ** ((flags & 7) + 1)) : new Uint8Array()
  let transparent = 0
  for (;;) {
    const block = reader.byte()
    if (block === 0x3b) throw new Error("it has no frame")
    if (block === 0x21) {
      const label = reader.byte()
      const content = reader.blocks()
      // A graphic control extension.
      const [control = 0, , , entry = 0] = content
      if (label === 0xf9) transparent = control & 1 ? entry : 0
    } else if (block === 0x2c) break
    else if (block !== 0) throw new Error(`it has a block of kind ${block}`)
  }
  const [left, top, columns, rows] = [reader.word(), reader.word(), reader.word(), reader.word()]
  const frame = reader.byte()
  const palette = frame & 0x80 ? reader.take(3 * 2 ** ((frame & 7) + 1)) : shared
  width = Math.max(width, left + columns)
  height = Math.max(height, top + rows)
  if (width * height > decodeLimits.pixels || width * height === 0)
    throw new Error(`its pixel limit: ${width}×${height} pixels`)
  const codeSize = reader.byte()
  const indices = decompress(reader.blocks(), codeSize, columns * rows)
  const entries = new Uint8Array(width * height).fill(transparent)
  for (const [i, y] of rowOrder(rows, (frame & 0x40) !== 0).entries())
    entries.set(indices.subarray(i * columns, (i + 1) * columns), (top + y) * width + left)
  const data = new Uint8Array(3 * width * height)
  // Entries that a palette lacks are grey.
  for (const [i, entry] of entries.entries())
    for (let c = 0; c < 3; c++) data[3 * i + c] = palette[3 * entry + c] ?? entry
  return { width, height, channels: 3, data }
}

/** The rows of a frame in the order of the file. */
function rowOrder(rows: number, interlaced: boolean): number[] {
  const passes = interlaced
    ? [
        [0, 8],
        [4, 8],
        [2, 4],
        [1, 2],
      ]
    : [[0, 1]]
  return passes.flatMap(([first = 0, step = 1]) =>
    Array.from({ length: Math.max(0, Math.ceil((rows - first) / step)) }, (_, i) => first + i * step),
  )
}

const mostCodes = 4096

/** Entries of a palette, from codes of LZW of a growing number of bits. */
function decompress(bytes: Uint8Array, codeSize: number, count: number): Uint8Array {
  if (codeSize < 1 || codeSize > 8) throw new Error(`its codes have ${codeSize} bits`)
  const clear = 2 ** codeSize
  const out = new Uint8Array(count)
  // Each code is another code and an entry behind it.
  const prefix = new Int16Array(mostCodes)
  const suffix = new Uint8Array(mostCodes)
  const length = new Uint16Array(mostCodes)
  for (let entry = 0; entry < clear; entry++) [suffix[entry], length[entry]] = [entry, 1]
  let [next, bits, previous, at] = [clear + 2, codeSize + 1, -1, 0]
  let [buffer, held] = [0, 0]
  for (const byte of bytes) {
    buffer |= byte << held
    held += 8
    while (held >= bits) {
      const code = buffer & (2 ** bits - 1)
      buffer >>>= bits
      held -= bits
      if (code === clear) {
        ;[next, bits, previous] = [clear + 2, codeSize + 1, -1]
        continue
      }
      if (code === clear + 1 || at >= count) return complete(out, at, count)
      if (code > next || (code === next && previous < 0) || (code >= clear && code < clear + 2))
        throw new Error("it has a code that does not exist")
      // The code that is made now: the one before and its own first entry.
      const whole = code === next ? previous : code
      let first = whole
      while ((length[first] ?? 1) > 1) first = prefix[first] ?? 0
      if (previous >= 0 && next < mostCodes) {
        prefix[next] = previous
        suffix[next] = suffix[first] ?? 0
        length[next] = (length[previous] ?? 0) + 1
        next++
        if (next === 2 ** bits && bits < 12) bits++
      }
      const size = length[code] ?? 1
      let part = code
      for (let i = size - 1; i >= 0; i--) {
        if (at + i < count) out[at + i] = suffix[part] ?? 0
        part = prefix[part] ?? 0
      }
      at += size
      previous = code
    }
  }
  return complete(out, at, count)
}

function complete(out: Uint8Array, at: number, count: number): Uint8Array {
  if (at < count) throw new Error(`it ends after ${at} of ${count} pixels`)
  return out
}

interface Reader {
  take(count: number): Uint8Array
  skip(count: number): void
  byte(): number
  word(): number
  /** The bytes of blocks, up to an empty block. */
  blocks(): Uint8Array
}

function readerOf(bytes: Uint8Array): Reader {
  let at = 0
  const take = (count: number): Uint8Array => {
    const part = bytes.subarray(at, at + count)
    if (part.length < count) throw new Error("it is truncated")
    at += count
    return part
  }
  const byte = (): number => take(1)[0] ?? 0
  return {
    take,
    byte,
    skip: (count) => void take(count),
    word() {
      const low = byte()
      return low + 256 * byte()
    },
    blocks() {
      const parts: Uint8Array[] = []
      for (let size = byte(); size > 0; size = byte()) parts.push(take(size))
      return concatenated(parts)
    },
  }
}
