import { foldKey, type Key, permutation, VitrineError } from "@vitrine/core"

/**
 * The order of examples in shuffled epochs:
 * - `exact`: each epoch is one permutation of all examples;
 * - windowed: for data that are read a block at a time. The blocks, runs of `rows` examples, are permuted, and then the
 *   examples within each window of `blocks` blocks.
 *
 * Both depend on the seed and the epoch alone, so that a run is resumed by its step.
 */
export type Order = "exact" | WindowedOrder

/** An order that shuffles blocks of neighbours within a window, for data that are read in sequence. */
export interface WindowedOrder {
  /** The examples of a block. */
  readonly rows: number
  /** The blocks of a window. */
  readonly blocks: number
}

/** The windowed order of data that do not say another. */
export const usualWindow: WindowedOrder = { rows: 256, blocks: 16 }

/** Writes an order as a text: `exact`, or `windowed:ROWSxBLOCKS`. */
export const orderText = (order: Order): string =>
  order === "exact" ? order : `windowed:${order.rows}x${order.blocks}`

/** An order that a user asks for. `windowed` leaves its numbers to the data. */
export type OrderChoice = Order | "windowed"

/**
 * Reads the text of an order: `exact`, `windowed`, or `windowed:ROWSxBLOCKS`.
 * @throws VitrineError (config)
 */
export function parseOrder(text: string): OrderChoice {
  if (text === "exact" || text === "windowed") return text
  const [rows = 0, blocks = 0] = (/^windowed:(\d{1,9})x(\d{1,9})$/.exec(text)?.slice(1) ?? []).map(Number)
  if (rows >= 1 && blocks >= 1) return { rows, blocks }
  throw new VitrineError(
    "config",
    `an order is exact, windowed, or windowed:ROWSxBLOCKS, such as windowed:256x16, not ${JSON.stringify(text)}`,
  )
}

/** The examples of an epoch in order. */
export interface EpochOrder {
  readonly examples: Uint32Array
  /**
   * The examples that are read in the next window while those from place `from` to `to` are used, in the order in which
   * they lie in the data. Their blocks can be read in advance.
   */
  soon(from: number, to: number): Uint32Array
}

/** Orders the examples of an epoch. */
export function epochOrder(key: Key, epoch: number, length: number, order: Order): EpochOrder {
  if (order === "exact")
    return { examples: permutation(foldKey(key, "order", epoch), length), soon: () => new Uint32Array() }
  const { rows, blocks } = order
  const count = Math.ceil(length / rows)
  const blockOrder = permutation(foldKey(key, "blocks", epoch), count)
  const stored = new Uint32Array(length)
  const examples = new Uint32Array(length)
  const starts: number[] = []
  let place = 0
  for (let first = 0, window = 0; first < count; first += blocks, window++) {
    const start = place
    starts.push(start)
    for (const block of blockOrder.subarray(first, first + blocks))
      for (let row = block * rows; row < Math.min(length, (block + 1) * rows); row++) stored[place++] = row
    const inside = permutation(foldKey(key, "window", epoch, window), place - start)
    for (const [i, from] of inside.entries()) examples[start + i] = stored[start + from] ?? 0
  }
  return {
    examples,
    soon(from, to) {
      const window = starts.findLastIndex((start) => start <= from)
      const [start = 0, next = length, after = length] = [starts[window], starts[window + 1], starts[window + 2]]
      if (next >= length) return new Uint32Array()
      const at = (position: number): number => next + Math.round(((position - start) * (after - next)) / (next - start))
      return stored.subarray(at(from), Math.min(after, at(to)))
    },
  }
}
