import { foldKey, type Key, keyFromSeed, permutation, VitrineError } from "@vitrine/core"

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
  return order === "exact"
    ? { examples: permutation(foldKey(key, "order", epoch), length), soon: () => new Uint32Array() }
    : laneOrder(key, epoch, length, order, 0, 1)
}

/**
 * Orders the examples of a lane in an epoch. Lane i of n has the blocks at the places i, i + n, … of the epoch's order.
 * A machine that takes some lanes reads their blocks alone.
 */
export function laneOrder(
  key: Key,
  epoch: number,
  length: number,
  { rows, blocks }: WindowedOrder,
  lane: number,
  lanes: number,
): EpochOrder {
  const all = permutation(foldKey(key, "blocks", epoch), Math.ceil(length / rows))
  const blockOrder = all.filter((_, place) => place % lanes === lane)
  const total = blockOrder.reduce((sum, block) => sum + Math.min(rows, length - block * rows), 0)
  const stored = new Uint32Array(total)
  const examples = new Uint32Array(total)
  const starts: number[] = []
  let place = 0
  for (let first = 0, window = 0; first < blockOrder.length; first += blocks, window++) {
    const start = place
    starts.push(start)
    for (const block of blockOrder.subarray(first, first + blocks))
      for (let row = block * rows; row < Math.min(length, (block + 1) * rows); row++) stored[place++] = row
    const windowKey = foldKey(key, "window", epoch, window)
    const inside = permutation(lanes === 1 ? windowKey : foldKey(windowKey, "lane", lane), place - start)
    for (const [i, from] of inside.entries()) examples[start + i] = stored[start + from] ?? 0
  }
  return {
    examples,
    soon(from, to) {
      const window = starts.findLastIndex((start) => start <= from)
      const [start = 0, next = total, after = total] = [starts[window], starts[window + 1], starts[window + 2]]
      if (next >= total) return new Uint32Array()
      const at = (position: number): number => next + Math.round(((position - start) * (after - next)) / (next - start))
      return stored.subarray(at(from), Math.min(after, at(to)))
    },
  }
}

/** The batches of an epoch in lanes. */
export interface LaneCounts {
  /** The number of batches of each lane. It is the same in every epoch. */
  readonly batches: number
  /** The number of rows that an epoch leaves out: the last ones of longer lanes, which differ from epoch to epoch. */
  readonly leftOut: number
}

/**
 * Counts the batches of an epoch in lanes. Each lane has as many as the shortest one could have in any epoch, where the
 * short last block of the data is in it.
 * @throws VitrineError (config) for fewer blocks than lanes, or lanes without a batch
 */
export function laneCounts(length: number, { rows }: WindowedOrder, lanes: number, batchSize: number): LaneCounts {
  const blocks = Math.ceil(length / rows)
  const last = length - (blocks - 1) * rows
  const batches = Math.floor((Math.floor(blocks / lanes) * rows - rows + last) / batchSize)
  if (blocks < lanes || batches < 1)
    throw new VitrineError(
      "config",
      `${length} rows in ${blocks} blocks of ${rows} are too few for ${lanes} lanes of batches of ${batchSize}: take smaller blocks (--order windowed:ROWSxBLOCKS) or fewer micro-batches`,
    )
  return { batches, leftOut: length - batches * lanes * batchSize }
}

/** The rows of an epoch in lanes. */
export interface EpochLanes {
  /** The rows of each lane in order: batch b of a lane has those from b · batchSize on. */
  readonly lanes: readonly Uint32Array[]
  /** The rows that this epoch leaves out, in order of their numbers. */
  readonly leftOut: Uint32Array
}

/**
 * The rows of each lane in an epoch. They depend on the arguments alone, and not on the machines that share the lanes.
 * @param seed that of the loader
 * @throws VitrineError (config) as `laneCounts`
 */
export function epochLanes(
  seed: number,
  epoch: number,
  length: number,
  order: WindowedOrder,
  lanes: number,
  batchSize: number,
): EpochLanes {
  const { batches } = laneCounts(length, order, lanes, batchSize)
  const whole = Array.from(
    { length: lanes },
    (_, lane) => laneOrder(keyFromSeed(seed), epoch, length, order, lane, lanes).examples,
  )
  const end = batches * batchSize
  return {
    lanes: whole.map((rows) => rows.subarray(0, end)),
    leftOut: Uint32Array.from(whole.flatMap((rows) => [...rows.subarray(end)])).sort(),
  }
}
