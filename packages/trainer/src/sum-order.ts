import type { TrainingOptions } from "./options.ts"

// Sums of floating-point numbers depend on their order. Micro-batches are summed by a tree that depends on their number
// alone: the sum of n is that of the first ⌈n / 2⌉ plus that of the others. Where n is divisible by a power of two, that
// many equal blocks of neighbours are nodes of the tree. So whoever sums blocks, and then the sums of blocks by the same
// tree, gets the same bits.

/** Combines values by the tree of sums. */
export function treeFold<T>(values: readonly T[], combine: (a: T, b: T) => T): T {
  const [first] = values
  if (first === undefined) throw new RangeError("there is nothing to combine")
  if (values.length === 1) return first
  const half = Math.ceil(values.length / 2)
  return combine(treeFold(values.slice(0, half), combine), treeFold(values.slice(half), combine))
}

/**
 * The order in which values that arrive one after the other are summed in accumulators. Each value is added to the
 * accumulator of level 0. After value i, the accumulators of levels 0 … `merges[i]` − 1 are added, one after the other,
 * to the one of the next level, and emptied. In the end the sum is in the accumulator of the highest level.
 */
export interface SumOrder {
  readonly levels: number
  /** The number of levels that are merged after each value; 0 where it says nothing. */
  readonly merges: readonly number[]
  /** The sum of numbers in this order. */
  readonly sum: (values: readonly number[]) => number
}

const add = (a: number, b: number): number => a + b

/** Sums by the tree. It takes ⌈log₂ count⌉ accumulators. */
export function pairwise(count: number): SumOrder {
  const levels = Math.max(1, 32 - Math.clz32(count - 1))
  return { levels, merges: mergesAfter(count, levels), sum: (values) => treeFold(values, add) }
}

function mergesAfter(count: number, levels: number): number[] {
  if (levels === 1 || count === 0) return Array.from({ length: count }, () => 0)
  const half = Math.ceil(count / 2)
  return [half, count - half].flatMap((part) => {
    const merges = mergesAfter(part, levels - 1)
    return merges.map((n, i) => (i === part - 1 ? n + 1 : n))
  })
}

/** Adds each value to the sum of those before. */
const sequential: SumOrder = { levels: 1, merges: [], sum: (values) => values.reduce(add, 0) }

/** The order of a step's sums: the parts of a batch by the tree, accumulated batches one after the other. */
export function sumOrder({ microBatches }: Pick<TrainingOptions, "microBatches">): SumOrder {
  return microBatches > 1 ? pairwise(microBatches) : sequential
}
