import { VitrineError } from "@vitrine/core"
import type sharpModule from "sharp"
import type { Sharp } from "sharp"
import { BrokenImageError } from "../broken.ts"
import { decodeBmp } from "../bmp.ts"
import { decodeGif } from "../gif.ts"
import { imageHeader, jpegComponents } from "../header.ts"
import { tiffFacts } from "../tiff.ts"
import { notDecoded } from "../not-decoded.ts"
import type { Image } from "../image.ts"
import { decodeLimits } from "../limits.ts"
import { toThree } from "../transforms/geometry.ts"
import { messageOf } from "../message.ts"
import type { Admit } from "../read-ahead.ts"
import { readFileWithin } from "./open-file.ts"
import { mayBeTurned } from "./orientation.ts"
import { decodeSmall } from "./small-images.ts"

/**
 * Decodes a JPEG, PNG, WebP, GIF (its first frame), TIFF (its first page), BMP or AVIF to RGB, [height, width, 3], with the bytes
 * that Pillow's `convert("RGB")` gives: grey is repeated, palettes are looked up, alpha is dropped, CMYK is multiplied out, colour
 * profiles are ignored. Of 16 bits the high byte is kept. An EXIF orientation is applied, but not in a WebP, where
 * browsers do not agree. An AVIF whose colours have half the resolution differs where they change fast.
 * @param input a path, or the bytes of a file
 * @param name the image's name in errors; the path by default
 * @throws VitrineError for a file that is missing, too large, broken, truncated or of another format
 */
export async function decodeImage(input: string | Uint8Array, name?: string): Promise<Image> {
  return decodeAdmitted(input, name ?? (typeof input === "string" ? input : "image"))
}

/** Decodes an image as `decodeImage`, when `admit` allows as many pixels as its header says. */
export async function decodeAdmitted(input: string | Uint8Array, label: string, admit?: Admit): Promise<Image> {
  const bytes = typeof input === "string" ? await readFileWithin(input, decodeLimits.fileBytes, label) : input
  const header = imageHeader(bytes)
  if (bytes.length === 0) throw new BrokenImageError(`${label}: is empty`)
  if (bytes.length > decodeLimits.fileBytes)
    throw new VitrineError("file", `${label}: is ${bytes.length} bytes; up to ${decodeLimits.fileBytes} are read`)
  if (header === undefined) throw notDecoded(bytes, label)
  const { format, width, height } = header
  // A GIF is as large as its first frame.
  if (format !== "GIF" && width * height > decodeLimits.pixels) throw tooManyPixels(label)
  await admit?.(width * height || decodeLimits.pixels)
  const small = await decodeSmall(bytes, header)
  if (small !== undefined) return small
  if (format === "BMP") return decodeNamed(bytes, label)
  const tiff = format === "TIFF" ? tiffFacts(bytes) : undefined
  if (tiff?.isRaw === true) throw notDecoded(bytes, label, "camera's raw")
  if (tiff?.photometric === 6 && tiff.compression !== 7)
    throw new BrokenImageError(`${label}: is a TIFF in YCbCr without JPEG, which is not decoded; save it in RGB`)
  const sharp = format === "GIF" ? null : await loadSharp()
  try {
    if (sharp === null) return decodeGif(bytes)
    const input = sharp(bytes, { limitInputPixels: decodeLimits.pixels, failOn: "error", ignoreIcc: true })
    if ((format === "JPEG" && jpegComponents(bytes) === 4) || tiff?.photometric === 5) return await decodeCmyk(input)
    const upright = mayBeTurned(bytes, format) ? input.autoOrient() : input
    const opaque = format === "JPEG" ? upright : upright.removeAlpha()
    const { data, info } = await opaque.raw().toBuffer({ resolveWithObject: true })
    return rgbImage(data, info)
  } catch (error) {
    const [fault = ""] = messageOf(error).split("\n")
    if (/pixel limit/i.test(fault)) throw tooManyPixels(label)
    throw new BrokenImageError(`${label}: broken ${format} image (${fault})`, { cause: error })
  }
}

const tooManyPixels = (label: string): BrokenImageError =>
  new BrokenImageError(`${label}: has more than ${decodeLimits.pixels / 1e6} million pixels`)

function decodeNamed(bytes: Uint8Array, label: string): Image {
  try {
    return decodeBmp(bytes)
  } catch (error) {
    if (!VitrineError.isInstance(error)) throw error
    throw new BrokenImageError(`${label}: ${error.message}`)
  }
}

interface Raw {
  readonly width: number
  readonly height: number
  readonly channels: number
}

/** Converts sharp's bytes to RGB. sharp gives grey images one channel. */
function rgbImage(data: Uint8Array, { width, height, channels }: Raw): Image {
  return channels === 3
    ? { width, height, channels, data }
    : toThree({ width, height, channels: channels === 4 ? 4 : 1, data })
}

async function decodeCmyk(input: Sharp): Promise<Image> {
  const { data, info } = await input
    .autoOrient()
    .pipelineColourspace("cmyk")
    .toColourspace("cmyk")
    .raw()
    .toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  const out = new Uint8Array(width * height * 3)
  for (let i = 0, s = 0; i < out.length; i += 3, s += channels) {
    const pixel = data.readUInt32BE(s)
    const light = 255 - (pixel & 255)
    for (let c = 0; c < 3; c++) {
      const product = ((pixel >>> (24 - 8 * c)) & 255) * light + 128
      out[i + c] = Math.max(0, light - (((product >> 8) + product) >> 8))
    }
  }
  return { width, height, channels: 3, data: out }
}

let loading: Promise<typeof sharpModule> | undefined

function loadSharp(): Promise<typeof sharpModule> {
  loading ??= import("sharp").then(
    ({ default: sharp }) => {
      sharp.cache(false)
      // Images are decoded in parallel, so threads within one image would only slow this down.
      sharp.concurrency(1)
      return sharp
    },
    (cause) => {
      throw new VitrineError("file", 'decoding images needs the package "sharp": npm install sharp', { cause })
    },
  )
  return loading
}
