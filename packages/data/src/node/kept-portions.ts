import type { Order } from "../order.ts"

/** Portions that are read and decompressed at a time. */
const atOnce = 2
/** Portions that are kept at least, and bytes of them that are kept at most. */
const [fewest, mostBytes] = [8, 2 ** 28]

/** Reads a portion of so many bytes, unless it is kept. */
export type LoadPortion<T> = (key: string, bytes: number, read: () => Promise<T>) => Promise<T>

/** Keeps the portions of images that were used last: two windows of the order. */
export function keptPortions<T>(order: Order): LoadPortion<T> {
  const kept = new Map<string, { readonly bytes: number; readonly portion: Promise<T> }>()
  // A block begins and ends within a portion, so that a window of blocks may need twice as many.
  const most = order === "exact" ? fewest : Math.max(fewest, 4 * order.blocks + 4)
  const gate = limited(atOnce)
  let bytes = 0
  return (key, size, read) => {
    const earlier = kept.get(key)
    kept.delete(key)
    const entry = earlier ?? { bytes: size, portion: gate(read) }
    kept.set(key, entry)
    if (earlier !== undefined) return entry.portion
    bytes += size
    entry.portion.catch(() => {
      // A read that failed, as of a network, may be tried again.
      if (kept.get(key) === entry && kept.delete(key)) bytes -= size
    })
    for (const [oldest, { bytes: freed }] of kept) {
      if (kept.size <= 2 || (kept.size <= most && bytes <= mostBytes)) break
      kept.delete(oldest)
      bytes -= freed
    }
    return entry.portion
  }
}

/** Lets some tasks run at a time. The others wait for their turn. */
function limited(most: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (task) => {
    if (running === most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
