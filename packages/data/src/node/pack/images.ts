import { VitrineError } from "@vitrine/core"
import { BrokenImageError } from "../../broken.ts"
import type { Dataset } from "../../dataset.ts"
import { imageHeader } from "../../header.ts"
import type { Image } from "../../image.ts"
import { resizeImage } from "../../resize/resize.ts"
import { toThree } from "../../transforms/geometry.ts"

/** An image as it is written into a shard. */
export interface PackedImage {
  readonly bytes: Uint8Array
  /** The extension of its format, such as `jpg`. */
  readonly extension: string
}

const extensions: Readonly<Record<string, string>> = { JPEG: "jpg", TIFF: "tif" }

/**
 * The file of an example's image. Images whose shortest side is longer than `size` are made smaller, and written as
 * JPEG if they were one, else as PNG. Pixels without a file become PNG.
 * @throws BrokenImageError
 */
export async function packedImage(dataset: Dataset, index: number, size: number | undefined): Promise<PackedImage> {
  const bytes = await dataset.bytes?.(index)
  if (bytes === undefined) return { bytes: await encoded(await dataset.read(index), "png"), extension: "png" }
  const header = imageHeader(bytes)
  if (header === undefined) throw new BrokenImageError(`${dataset.describe(index)}: is no image that can be read`)
  const extension = extensions[header.format] ?? header.format.toLowerCase()
  if (size === undefined) return { bytes, extension }
  const image = await dataset.read(index)
  if (Math.min(image.height, image.width) <= size) return { bytes, extension }
  const scale = size / Math.min(image.height, image.width)
  const small = resizeImage(image, Math.round(image.width * scale), Math.round(image.height * scale))
  const format = extension === "jpg" ? "jpg" : "png"
  return { bytes: await encoded(small, format), extension: format }
}

/** Encodes an image as PNG, or as JPEG of high quality. */
async function encoded(image: Image, format: "jpg" | "png"): Promise<Uint8Array> {
  const { default: sharp } = await import("sharp").catch((cause: unknown) => {
    throw new VitrineError("file", 'encoding images needs the package "sharp": npm install sharp', { cause })
  })
  const { width, height, data } = image.channels === 1 ? toThree(image) : image
  const raw = sharp(data, { raw: { width, height, channels: 3 } })
  return format === "png" ? raw.png().toBuffer() : raw.jpeg({ quality: 95, chromaSubsampling: "4:4:4" }).toBuffer()
}
