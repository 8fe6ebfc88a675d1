import type { Image } from "@vitrine/data"
import { elementAt } from "../checked.ts"

/** A share of the full brightness as a byte. */
export const byteOf = (x: number): number => Math.min(255, Math.max(0, Math.round(255 * x)))

/** The RGB bytes of an image. A grey value is repeated for the three channels. */
export function rgbBytes({ data, channels }: Image): Uint8Array {
  if (channels === 3) return data
  const out = new Uint8Array(3 * data.length)
  for (const [i, grey] of data.entries()) out.fill(grey, 3 * i, 3 * i + 3)
  return out
}

/** Makes a picture for the page from RGB bytes. */
export function imageData(data: Uint8Array, width: number, height: number): ImageData {
  const out = new Uint8ClampedArray(width * height * 4).fill(255)
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) out[4 * i + c] = elementAt(data, 3 * i + c)
  return new ImageData(out, width, height)
}
