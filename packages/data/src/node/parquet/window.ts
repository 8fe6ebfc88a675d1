import type { WindowedOrder } from "../../order.ts"

/** The bytes of images that are read together. Small portions make the blocks of an order small. */
export const portionBytes: { readonly disk: number; readonly server: number } = { disk: 2 ** 20, server: 2 ** 22 }

const [leastWindow, mostWindow] = [2 ** 24, 2 ** 25]

/** A window of the bytes of half a row group, within bounds, in blocks of a portion. */
export function windowOf(bytesOfRow: number, group: number, rows: number): WindowedOrder {
  const window = Math.min(mostWindow, Math.max(leastWindow, group / 2))
  return { rows, blocks: Math.max(2, Math.round(window / (rows * bytesOfRow))) }
}
