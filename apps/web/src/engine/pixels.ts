import type { Image } from "@vitrine/data"

/** RGB bytes. */
export function colored({ data, channels }: Image): Uint8Array {
  if (channels === 3) return data
  return Uint8Array.from({ length: 3 * data.length }, (_, i) => data[Math.floor(i / 3)] as number)
}

/** RGB bytes as what a page can draw. */
export function rgba(data: Uint8Array, width: number, height: number): ImageData {
  const out = new Uint8ClampedArray(width * height * 4).fill(255)
  for (let i = 0; i < width * height; i++) out.set(data.subarray(3 * i, 3 * i + 3), 4 * i)
  return new ImageData(out, width, height)
}
