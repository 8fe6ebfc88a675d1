import { VitrineError } from "@vitrine/core"
import { byteAt } from "./at.ts"
import type { Image } from "./image.ts"
import { decodeLimits } from "./limits.ts"

/** The header of a BMP: the file's, and those from BITMAPINFOHEADER to BITMAPV5HEADER. */
interface BmpHeader {
  readonly width: number
  readonly height: number
  /** Whether the first row is the top one. */
  readonly isTopDown: boolean
  readonly bits: number
  readonly compression: number
  /** Where the pixels begin. */
  readonly begin: number
  /** Colours [red, green, blue] by index. */
  readonly palette: readonly (readonly [number, number, number])[]
  /** Bits of red, green and blue in a pixel of 16 or 32 bits. */
  readonly masks: readonly [number, number, number]
}

const compressions = { none: 0, rle8: 1, rle4: 2, masks: 3 } as const

/**
 * Decodes a BMP to RGB, with the bytes that Pillow gives: 1, 4 and 8 bits by their palette, also run-length encoded, 16, 24 and 32
 * bits. https://learn.microsoft.com/en-us/windows/win32/gdi/bitmap-storage
 * @throws VitrineError (file) without the file's name
 */
export function decodeBmp(bytes: Uint8Array): Image {
  const header = bmpHeader(bytes)
  const { width, height, isTopDown, bits, begin } = header
  if (bits <= 8) return { width, height, channels: 3, data: indexedPixels(bytes, header) }
  const stride = Math.ceil((width * bits) / 32) * 4
  if (begin + stride * height > bytes.length) throw broken("truncated")
  const data = new Uint8Array(width * height * 3)
  const [red, green, blue] = header.masks.map((mask) => channelOf(mask))
  if (red === undefined || green === undefined || blue === undefined) throw broken("has no masks")
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let y = 0; y < height; y++) {
    const row = begin + (isTopDown ? y : height - 1 - y) * stride
    let out = y * width * 3
    for (let x = 0; x < width; x++, out += 3) {
      const place = row + (x * bits) / 8
      if (bits === 24) {
        data[out] = byteAt(bytes, place + 2)
        data[out + 1] = byteAt(bytes, place + 1)
        data[out + 2] = byteAt(bytes, place)
        continue
      }
      const pixel = bits === 16 ? view.getUint16(place, true) : view.getUint32(place, true)
      data[out] = red(pixel)
      data[out + 1] = green(pixel)
      data[out + 2] = blue(pixel)
    }
  }
  return { width, height, channels: 3, data }
}

const broken = (fault: string): VitrineError => new VitrineError("file", `broken BMP image (${fault})`)

function bmpHeader(bytes: Uint8Array): BmpHeader {
  if (bytes.length < 54) throw broken("ends inside its header")
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const size = view.getUint32(14, true)
  const [width, signedHeight] = [view.getInt32(18, true), view.getInt32(22, true)]
  const [bits, compression] = [view.getUint16(28, true), view.getUint32(30, true)]
  const begin = view.getUint32(10, true)
  const height = Math.abs(signedHeight)
  if (size < 40 || size > 124) throw broken(`a header of ${size} bytes is not known`)
  if (width < 1 || height < 1) throw broken(`a size of ${width}×${height}`)
  if (width * height > decodeLimits.pixels)
    throw new VitrineError("file", `has more than ${decodeLimits.pixels / 1e6} million pixels`)
  const fits: Readonly<Record<number, readonly number[]>> = {
    [compressions.none]: [1, 4, 8, 16, 24, 32],
    [compressions.rle8]: [8],
    [compressions.rle4]: [4],
    [compressions.masks]: [16, 32],
  }
  if (fits[compression]?.includes(bits) !== true) throw broken(`${bits} bits of compression ${compression}`)
  const used = view.getUint32(46, true)
  const colours = bits <= 8 ? Math.min(used === 0 ? 2 ** bits : used, 256) : 0
  const paletteAt = 14 + size
  if (paletteAt + 4 * colours > bytes.length) throw broken("ends inside its palette")
  const palette = Array.from({ length: colours }, (_, i): readonly [number, number, number] => {
    const place = paletteAt + 4 * i
    return [byteAt(bytes, place + 2), byteAt(bytes, place + 1), byteAt(bytes, place)]
  })
  const hasMasks = compression === compressions.masks
  if (hasMasks && bytes.length < 66) throw broken("ends inside its masks")
  const masks: BmpHeader["masks"] = hasMasks
    ? [view.getUint32(54, true), view.getUint32(58, true), view.getUint32(62, true)]
    : bits === 16
      ? [0x7c00, 0x3e0, 0x1f]
      : [0xff0000, 0xff00, 0xff]
  return { width, height, isTopDown: signedHeight < 0, bits, compression, begin, palette, masks }
}

/** Gives the pixel in a column of a row as stored the colour with an index. Pixels outside the image are left out. */
type Put = (x: number, row: number, index: number) => void

/** RGB of an image with a palette. */
function indexedPixels(bytes: Uint8Array, header: BmpHeader): Uint8Array {
  const { width, height, isTopDown, bits, compression, begin, palette } = header
  const isRuns = compression !== compressions.none
  const stride = Math.ceil((width * bits) / 32) * 4
  if (!isRuns && begin + stride * height > bytes.length) throw broken("truncated")
  if (isRuns && width * height > Math.max(mostSkipped, bytes.length * pixelsPerByte))
    throw broken(`${width}×${height} pixels in ${bytes.length} bytes`)
  const colours = new Uint8Array(256 * 3)
  colours.set(palette.flat())
  const data = new Uint8Array(width * height * 3)
  const put: Put = (x, row, index) => {
    if (x >= width || row >= height) return
    const out = ((isTopDown ? row : height - 1 - row) * width + x) * 3
    data[out] = byteAt(colours, 3 * index)
    data[out + 1] = byteAt(colours, 3 * index + 1)
    data[out + 2] = byteAt(colours, 3 * index + 2)
  }
  if (isRuns) {
    // Pixels that no run covers have the first colour.
    if (palette[0]?.some((value) => value > 0) === true)
      for (let row = 0; row < height; row++) for (let x = 0; x < width; x++) put(x, row, 0)
    readRuns(bytes.subarray(begin), header, put)
    return data
  }
  const perByte = 8 / bits
  for (let row = 0; row < height; row++)
    for (let x = 0; x < width; x++) {
      const byte = byteAt(bytes, begin + row * stride + Math.floor(x / perByte))
      put(x, row, (byte >> (8 - bits - (x % perByte) * bits)) & (2 ** bits - 1))
    }
  return data
}

/** The most pixels that a byte of run lengths can cover: 255 in two bytes. */
const pixelsPerByte = 127.5

/** The most pixels of an image whose run lengths may leave most of it out. */
const mostSkipped = 2 ** 24

/**
 * Decodes run lengths: a count and an index, or 0 and an escape. Escape 0 ends a row, 1 the image, 2 moves the
 * position; other values count literal indices.
 */
function readRuns(bytes: Uint8Array, { width, height, bits }: BmpHeader, put: Put): void {
  let [x, y, place] = [0, 0, 0]
  const indexIn = (byte: number, i: number): number => (bits === 8 ? byte : i % 2 === 0 ? byte >> 4 : byte & 15)
  while (place + 1 < bytes.length && y < height) {
    const [count, value] = [byteAt(bytes, place), byteAt(bytes, place + 1)]
    place += 2
    if (count > 0) {
      const covered = Math.min(count, width - x)
      for (let i = 0; i < covered; i++) put(x + i, y, indexIn(value, i))
      x += count
    } else if (value === 0) [x, y] = [0, y + 1]
    else if (value === 1) return
    else if (value === 2) {
      if (place + 2 > bytes.length) throw broken("truncated")
      x += byteAt(bytes, place)
      y += byteAt(bytes, place + 1)
      place += 2
    } else {
      const length = Math.ceil((value * bits) / 8)
      if (place + length > bytes.length) throw broken("truncated")
      for (let i = 0; i < value; i++) put(x++, y, indexIn(byteAt(bytes, place + Math.floor((i * bits) / 8)), i))
      place += length + (length % 2)
    }
  }
  if (y < height) throw broken("truncated")
}

/** Scales a channel to 8 bits: 31 of 5 bits becomes 255. */
function channelOf(mask: number): (pixel: number) => number {
  if (mask === 0) return () => 0
  const shift = 31 - Math.clz32(mask & -mask)
  const greatest = mask >>> shift
  return (pixel) => Math.floor((((pixel & mask) >>> shift) * 255) / greatest)
}
