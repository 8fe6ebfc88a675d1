import type { ImageHeader } from "../header.ts"

/**
 * Whether an image may have an EXIF orientation that is applied. A search for the mark of EXIF data finds it in any
 * place. An orientation of a WebP is not applied.
 */
export function mayBeTurned(bytes: Uint8Array, format: ImageHeader["format"]): boolean {
  if (format === "WebP") return false
  const mark = format === "JPEG" ? "Exif\0" : format === "PNG" ? "eXIf" : undefined
  return mark === undefined || Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(mark, 0, "latin1")
}
