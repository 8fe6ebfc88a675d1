import { byteAt } from "./at.ts"

/** The counts of each byte value at the places `first`, `first + stride`, …: [256]. */
export function histogram(data: Uint8Array, first: number, stride: number): Float64Array {
  const counts = new Float64Array(256)
  for (let i = first; i < data.length; i += stride) {
    const byte = byteAt(data, i)
    counts[byte] = (counts[byte] ?? 0) + 1
  }
  return counts
}
