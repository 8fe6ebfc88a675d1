import { VitrineError } from "@vitrine/core"
import { decodeGif } from "../gif.ts"
import { imageHeader } from "../header.ts"
import { byteAt } from "../at.ts"
import type { Image } from "../image.ts"
import { decodeLimits } from "../limits.ts"
import { notDecoded } from "../not-decoded.ts"
import { messageOf } from "../message.ts"
import { readPixels } from "./pixels.ts"

/** What `createImageBitmap` takes. It is never where the types of the DOM are missing, as in a program for Node. */
type BitmapSource = typeof globalThis extends {
  createImageBitmap: (image: infer Source, ...rest: never[]) => unknown
}
  ? Source
  : never

/** A file, its bytes, or a source of pixels in a page: ImageData, a bitmap, an `<img>`, `<canvas>` or `<video>`. */
export type ImageSource = BitmapSource | ArrayBuffer | Uint8Array

const options: ImageBitmapOptions = {
  imageOrientation: "from-image",
  colorSpaceConversion: "none",
  premultiplyAlpha: "none",
}

/**
 * Decodes a JPEG, PNG, WebP, GIF (its first frame), BMP or AVIF with the browser to RGB, [height, width, 3]. The rules
 * are those of `decodeImage` for Node: grey is repeated, alpha is dropped and not blended, colour profiles are ignored,
 * of 16 bits the high byte is kept, an EXIF orientation is applied (except in a WebP). In Chromium the bytes equal
 * Node's. Elements, canvases and bitmaps have the pixels that the browser made from their files. It works in workers.
 * @param name the image's name in errors; a File's name by default
 * @throws VitrineError (file) for an image that is too large, broken, truncated, unreadable or of another format, and
 *   for transparent pixels in a browser without WebGL 2, which cannot read their colours in another way
 */
export async function decodeImage(input: ImageSource, name?: string): Promise<Image> {
  if (input instanceof ImageData) return dropAlpha(input)
  const isBytes = input instanceof ArrayBuffer || input instanceof Uint8Array
  if (!isBytes && !(input instanceof Blob))
    return pixelsOf(input, name ?? "image", "broken image, or one of another site")
  const label = name ?? (input instanceof File ? input.name : "image")
  const size = input instanceof Blob ? input.size : input.byteLength
  if (size === 0) throw new VitrineError("file", `${label}: is empty`)
  if (size > decodeLimits.fileBytes)
    throw new VitrineError("file", `${label}: is ${size} bytes; images up to ${decodeLimits.fileBytes} are read`)
  const bytes = await bytesOf(input, label)
  const header = imageHeader(bytes)
  if (header === undefined) throw notDecoded(bytes, label)
  if (header.format === "TIFF") throw notDecoded(bytes, label, "TIFF")
  if (header.width * header.height > decodeLimits.pixels) throw tooManyPixels(label)
  if (header.format === "WebP") ignoreExif(bytes)
  if (header.format === "GIF")
    try {
      return decodeGif(bytes)
    } catch (error) {
      throw new VitrineError("file", `${label}: broken GIF image (${messageOf(error)})`, { cause: error })
    }
  const blob = new Blob([bytes], { type: `image/${header.format.toLowerCase()}` })
  return pixelsOf(blob, label, `broken ${header.format} image`)
}

/** Copies the bytes. */
async function bytesOf(input: Blob | ArrayBuffer | Uint8Array, label: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!(input instanceof Blob)) return new Uint8Array(input instanceof ArrayBuffer ? input.slice(0) : input)
  try {
    return new Uint8Array(await input.arrayBuffer())
  } catch (cause) {
    throw new VitrineError("file", `${label}: cannot be read (${messageOf(cause)})`, { cause })
  }
}

/** Clears the flag that announces EXIF data in a WebP. Some browsers rotate such an image, and some do not. */
function ignoreExif(bytes: Uint8Array): void {
  const isExtended = bytes.length > 20 && String.fromCharCode(...bytes.subarray(12, 16)) === "VP8X"
  if (isExtended) bytes[20] = byteAt(bytes, 20) & ~0x08
}

async function pixelsOf(source: BitmapSource, label: string, fault: string): Promise<Image> {
  let bitmap: ImageBitmap | undefined
  try {
    bitmap = await createImageBitmap(source, options)
    if (bitmap.width * bitmap.height > decodeLimits.pixels) throw tooManyPixels(label)
    return readPixels(bitmap, label)
  } catch (error) {
    if (VitrineError.isInstance(error)) throw error
    throw new VitrineError("file", `${label}: ${fault} (${messageOf(error)})`, { cause: error })
  } finally {
    bitmap?.close()
  }
}

function dropAlpha({ width, height, data }: ImageData): Image {
  const rgb = new Uint8Array(width * height * 3)
  for (let i = 0, s = 0; i < rgb.length; i += 3, s += 4) rgb.set(data.subarray(s, s + 3), i)
  return { width, height, channels: 3, data: rgb }
}

const tooManyPixels = (label: string): VitrineError =>
  new VitrineError("file", `${label}: has more than ${decodeLimits.pixels / 1e6} million pixels`)
