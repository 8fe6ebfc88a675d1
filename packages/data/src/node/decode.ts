import { readFile, stat } from "node:fs/promises"
import { VitrineError } from "@vitrine/core"
import type sharpModule from "sharp"
import type { Sharp } from "sharp"
import { imageHeader } from "../header.ts"
import type { Image } from "../image.ts"
import { decodeLimits } from "../limits.ts"
import { unreadable } from "./unreadable.ts"

/**
 * Decodes a JPEG, PNG, WebP or GIF (its first frame) to RGB, [height, width, 3], with the bytes that Pillow's
 * `convert("RGB")` gives: grey is repeated, palettes are looked up, alpha is dropped, CMYK is multiplied out, colour
 * profiles are ignored. Of 16 bits the high byte is kept. An EXIF orientation is applied, but not in a WebP, where
 * browsers do not agree.
 * @param input a path, or the bytes of a file
 * @param name what errors call the image; default: the path
 * @throws VitrineError for what is missing, too large, broken, truncated or of another format
 */
export async function decodeImage(input: string | Uint8Array, name?: string): Promise<Image> {
  const label = name ?? (typeof input === "string" ? input : "image")
  const bytes = typeof input === "string" ? await readImageFile(input, label) : input
  const format = imageHeader(bytes)?.format
  if (bytes.length === 0) throw new VitrineError("file", `${label}: is empty`)
  if (bytes.length > decodeLimits.fileBytes) throw tooLarge(label, bytes.length)
  if (format === undefined) throw new VitrineError("file", `${label}: is not a JPEG, PNG, WebP or GIF image`)
  const sharp = await loadSharp()
  try {
    const input = sharp(bytes, { limitInputPixels: decodeLimits.pixels, failOn: "error", ignoreIcc: true })
    if (format === "JPEG" && jpegComponents(bytes) === 4) return await decodeCmyk(input)
    const upright = format === "WebP" ? input : input.autoOrient()
    const { data, info } = await upright.removeAlpha().raw().toBuffer({ resolveWithObject: true })
    return toRgb(data, info)
  } catch (error) {
    const fault = (error as Error).message.split("\n")[0]
    if (/pixel limit/i.test(fault ?? ""))
      throw new VitrineError("file", `${label}: has more than ${decodeLimits.pixels / 1e6} million pixels`)
    throw new VitrineError("file", `${label}: broken ${format} image (${fault})`, { cause: error })
  }
}

async function readImageFile(path: string, label: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size > decodeLimits.fileBytes) throw tooLarge(label, size)
    return await readFile(path)
  } catch (error) {
    if (VitrineError.isInstance(error)) throw error
    throw unreadable(label, error)
  }
}

const tooLarge = (label: string, size: number): VitrineError =>
  new VitrineError("file", `${label}: is ${size} bytes; images up to ${decodeLimits.fileBytes} are read`)

/** Components that the frame header of a JPEG announces; 0 without one. */
function jpegComponents(bytes: Uint8Array): number {
  for (let at = 2; at + 9 < bytes.length; ) {
    if (bytes[at] !== 0xff) return 0
    const marker = bytes[at + 1] as number
    if (marker === 0xff) at++
    else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return bytes[at + 9] as number
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2
    else at += 2 + (((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
  }
  return 0
}

interface Raw {
  readonly width: number
  readonly height: number
  readonly channels: number
}

function toRgb(data: Uint8Array, { width, height, channels }: Raw): Image {
  if (channels === 3) return { width, height, channels: 3, data }
  const out = new Uint8Array(width * height * 3)
  const second = channels >= 3 ? 1 : 0
  for (let i = 0, s = 0; i < out.length; i += 3, s += channels) {
    out[i] = data[s] as number
    out[i + 1] = data[s + second] as number
    out[i + 2] = data[s + 2 * second] as number
  }
  return { width, height, channels: 3, data: out }
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
    const light = 255 - (data[s + 3] as number)
    for (let c = 0; c < 3; c++) {
      const product = (data[s + c] as number) * light + 128
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
      // Images are decoded side by side; threads within one would only get in each other's way.
      sharp.concurrency(1)
      return sharp
    },
    (cause) => {
      throw new VitrineError("file", 'decoding images needs the package "sharp": npm install sharp', { cause })
    },
  )
  return loading
}
