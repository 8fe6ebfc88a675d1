import type { Image, Interpolation } from "../src/index.ts"

/** A resized image too large to be stored. */
export interface LargeCase {
  readonly from: readonly [height: number, width: number, channels: Image["channels"]]
  readonly to: readonly [height: number, width: number]
  readonly filter: Interpolation
  readonly sha256: string
}

/** The image that the generator of the golden files makes of a size. */
export function largeImage([height, width, channels]: LargeCase["from"]): Image {
  const data = Uint8Array.from({ length: height * width * channels }, (_, i) => Math.imul(i, 2654435761) >>> 24)
  return { height, width, channels, data }
}

export async function sha256Of(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")
}
