/// <reference types="vite/client" />
import type { Image } from "../../src/index.ts"

const urls = import.meta.glob<string>("../golden/files/*", { query: "?url", import: "default", eager: true })

export interface Stored {
  readonly height: number
  readonly width: number
  readonly channels?: Image["channels"]
  /** Base64. */
  readonly data: string
}

export async function goldenFile(name: string): Promise<Blob> {
  return (await fetch(urls[`../golden/files/${name}`] as string)).blob()
}

export async function golden<T>(name: string): Promise<T> {
  return JSON.parse(await (await goldenFile(name)).text()) as T
}

export const imageOf = ({ height, width, channels = 3, data }: Stored): Image => ({
  height,
  width,
  channels,
  data: Uint8Array.from(atob(data), (c) => c.charCodeAt(0)),
})

/** How many bytes differ, and how much at most. */
export function difference(a: Uint8Array, b: Uint8Array): { length: number; count: number; most: number } {
  const deltas = Array.from(a, (value, i) => Math.abs(value - (b[i] as number)))
  return {
    length: b.length,
    count: deltas.filter((d) => d > 0).length,
    most: deltas.reduce((m, d) => Math.max(m, d), 0),
  }
}
