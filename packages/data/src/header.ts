/** The header of an image file, which is read before anything is decoded. */
export interface ImageHeader {
  readonly format: "JPEG" | "PNG" | "WebP" | "GIF"
  /** In pixels, as stored: before an EXIF orientation. 0 where the header is broken or missing. */
  readonly width: number
  readonly height: number
}

/** Reads the header of a JPEG, PNG, WebP or GIF; undefined for other formats. */
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
  return undefined
}

/** Components that the frame header of a JPEG announces; 0 without one. */
export function jpegComponents(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frame = jpegFrame(view)
  return frame === undefined ? 0 : view.getUint8(frame + 9)
}

function jpegSize(view: DataView): readonly [number, number] {
  const frame = jpegFrame(view)
  return frame === undefined ? [0, 0] : [view.getUint16(frame + 7), view.getUint16(frame + 5)]
}

/** Where the frame header of a JPEG begins. It follows segments that are skipped by their length. */
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
