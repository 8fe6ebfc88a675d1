import { isTiff, tiffFacts } from "./tiff.ts"

/** The header of an image file. It is read before anything is decoded. */
export interface ImageHeader {
  readonly format: "JPEG" | "PNG" | "WebP" | "GIF" | "TIFF" | "BMP" | "AVIF"
  /** The width in pixels as stored, before an EXIF orientation. It is 0 if the header is broken or missing. */
  readonly width: number
  readonly height: number
}

/** Reads the header of an image. Returns undefined for formats that are not decoded. */
export function imageHeader(bytes: Uint8Array): ImageHeader | undefined {
  const text = (from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = (format: ImageHeader["format"], least: number, size: () => readonly [number, number]): ImageHeader => {
    const [width, height] = bytes.length < least ? [0, 0] : size()
    return { format, width, height }
  }
  if (text(0, 3) === "\xff\xd8\xff") return header("JPEG", 4, () => jpegSize(view))
  if (text(0, 8) === "\x89PNG\r\n\x1a\n") return header("PNG", 24, () => [view.getUint32(16), view.getUint32(20)])
  if (["GIF87a", "GIF89a"].includes(text(0, 6)))
    return header("GIF", 10, () => [view.getUint16(6, true), view.getUint16(8, true)])
  if (text(0, 4) === "RIFF" && text(8, 12) === "WEBP") return header("WebP", 30, () => webpSize(view, text(12, 16)))
  if (isTiff(bytes)) {
    const facts = tiffFacts(bytes)
    return { format: "TIFF", width: facts?.width ?? 0, height: facts?.height ?? 0 }
  }
  if (text(0, 2) === "BM" && bytes.length >= 18 && view.getUint32(14, true) >= 40)
    return header("BMP", 54, () => [Math.abs(view.getInt32(18, true)), Math.abs(view.getInt32(22, true))])
  if (brandsOf(bytes).some((brand) => brand === "avif" || brand === "avis"))
    return header("AVIF", 32, () => avifSize(bytes))
  return undefined
}

/** Names the format of an image that is not decoded, and a remedy. Undefined for files of unknown formats. */
export function otherFormat(bytes: Uint8Array): string | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 12))
  const brands = brandsOf(bytes)
  if (brands.some((brand) => /^(hei[cxms]|hev[cxms]|mif1|msf1)$/.test(brand))) return "HEIC"
  if (brands.includes("crx ")) return "camera's raw"
  const format = otherFormats.find(([magic]) => start.startsWith(magic))
  return format?.[1]
}

/** The first bytes of formats that are not decoded. */
const otherFormats: readonly (readonly [magic: string, name: string])[] = [
  ["\0\0\0\x0cjP  ", "JPEG 2000"],
  ["\xff\x4f\xff\x51", "JPEG 2000"],
  ["\xff\x0a", "JPEG XL"],
  ["\0\0\0\x0cJXL ", "JPEG XL"],
  ["8BPS", "Photoshop"],
  ["\0\0\x01\0", "icon"],
  ["P5", "PNM"],
  ["P6", "PNM"],
  ["%PDF", "PDF"],
  ["<svg", "SVG"],
  ["<?xml", "SVG"],
]

/** The brands of a file that consists of boxes (ISO 14496-12), such as an AVIF or a HEIC. */
function brandsOf(bytes: Uint8Array): string[] {
  const text = String.fromCharCode(...bytes.subarray(0, 96))
  if (text.slice(4, 8) !== "ftyp") return []
  const size = Math.min(96, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0))
  const list = text.slice(8, 12) + text.slice(16, size)
  return list.match(/[^]{4}/g) ?? []
}

/** The greatest image size (`ispe`) in the first boxes. */
function avifSize(bytes: Uint8Array): readonly [number, number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let size: readonly [number, number] = [0, 0]
  for (let at = 0; at + 16 <= Math.min(bytes.length, 4096); at++) {
    if (view.getUint32(at) !== 0x69737065) continue
    const next = [view.getUint32(at + 8), view.getUint32(at + 12)] as const
    if (next[0] * next[1] > size[0] * size[1]) size = next
  }
  return size
}

/** The number of components in the frame header of a JPEG, or 0 without such a header. */
export function jpegComponents(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frame = jpegFrame(view)
  return frame === undefined ? 0 : view.getUint8(frame + 9)
}

function jpegSize(view: DataView): readonly [number, number] {
  const frame = jpegFrame(view)
  return frame === undefined ? [0, 0] : [view.getUint16(frame + 7), view.getUint16(frame + 5)]
}

/** The offset of a JPEG's frame header. It stands after segments that are skipped by their lengths. */
function jpegFrame(view: DataView): number | undefined {
  for (let at = 2; at + 9 < view.byteLength; ) {
    if (view.getUint8(at) !== 0xff) return undefined
    const marker = view.getUint8(at + 1)
    if (marker === 0xff) at++
    else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return at
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2
    else at += 2 + view.getUint16(at + 2)
  }
  return undefined
}

/** The size of the canvas, or of the only frame: https://developers.google.com/speed/webp/docs/riff_container */
function webpSize(view: DataView, chunk: string): readonly [number, number] {
  if (chunk === "VP8X") return [1 + (view.getUint32(24, true) & 0xffffff), 1 + (view.getUint32(26, true) >>> 8)]
  if (chunk === "VP8 ") return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff]
  if (chunk !== "VP8L") return [0, 0]
  const bits = view.getUint32(21, true)
  return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)]
}
