import { readFileSync } from "node:fs"
import type { Image } from "../src/index.ts"

export const bytesOf = (base64: string): Uint8Array => Uint8Array.from(Buffer.from(base64, "base64"))

export const goldenPath = (name: string): string => new URL(`./golden/files/${name}`, import.meta.url).pathname

export const golden = <T>(name: string): T => JSON.parse(readFileSync(goldenPath(name), "utf8")) as T

export interface Stored {
  height: number
  width: number
  channels?: Image["channels"]
  data: string
}

export const imageOf = ({ height, width, channels = 3, data }: Stored): Image => ({
  height,
  width,
  channels,
  data: bytesOf(data),
})

/** Where two lists of bytes differ most, for a message that says something. */
export function difference(a: Uint8Array, b: Uint8Array): { length: number; count: number; most: number } {
  let count = 0
  let most = 0
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs((a[i] as number) - (b[i] as number))
    if (d > 0) count++
    most = Math.max(most, d)
  }
  return { length: b.length, count, most }
}

export const equal = (a: Uint8Array): { length: number; count: number; most: number } => ({
  length: a.length,
  count: 0,
  most: 0,
})
