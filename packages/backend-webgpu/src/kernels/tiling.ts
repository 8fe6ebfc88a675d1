import { dimAt } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import type { Step } from "../plan/step.ts"
import { matrixAxes } from "../plan/view.ts"

/**
 * The division of a product. Each workgroup computes a tile of rows × columns, and each of its threads a block of the
 * tile. Workgroups load `depth` steps of the inner axis at a time into their memory. If `depth` is 0, threads read
 * without that memory: see direct.ts.
 */
export interface Tiling {
  readonly rows: number
  readonly columns: number
  readonly depth: number
  readonly threadRows: number
  readonly threadColumns: number
  /**
   * The number of parts of the inner axis. If there are several, each part has its own workgroups, and another kernel
   * sums the parts.
   */
  readonly splits: number
}

/** The sizes of `[batch, m, k] × [batch, k, n]`. */
export interface ProductSizes {
  readonly batch: readonly number[]
  readonly m: number
  readonly n: number
  readonly k: number
}

/** The factors of a product. */
type Product = Pick<Step<"matMul">, "inputs">

export function productSizes({ inputs: [a, b] }: Product): ProductSizes {
  const { lead, rows, columns } = matrixAxes(a)
  // The fields have the order of the keys in caches.
  return { batch: lead.shape, m: rows.size, k: columns.size, n: dimAt(b.shape, -1) }
}

/** The number of workgroups that keep a large device busy. */
const enough = 96

/** A text for a product. Products with equal texts have equal sizes, and their factors have equal layouts in memory. */
export function tilingKey(product: Product): string {
  const along = product.inputs.map(({ strides }) => strides.at(-1) === 1)
  return JSON.stringify({ ...productSizes(product), along })
}

const tiles = ({ batch, m, n }: ProductSizes, rows: number, columns: number): number =>
  elementCount(batch) * Math.ceil(m / rows) * Math.ceil(n / columns)

/** The number of parts of the inner axis that gives enough workgroups. */
const splitsOf = (sizes: ProductSizes, rows: number, columns: number): number =>
  Math.max(1, Math.min(8, Math.floor(enough / tiles(sizes, rows, columns)), Math.floor(sizes.k / 512)))

/**
 * Tilings of which one may be the fastest on a device, for the product of a key. The first is that of `chooseTiling`.
 */
export function candidates(key: string): Tiling[] {
  const sizes: ProductSizes = JSON.parse(key)
  const shapes = [
    [16, 64, 4, 4],
    [32, 32, 4, 4],
    [64, 64, 4, 4],
    [64, 64, 8, 8],
    [128, 64, 8, 8],
  ] as const
  const staged = shapes.flatMap(([rows, columns, threadRows, threadColumns]): Tiling[] =>
    [...new Set([1, splitsOf(sizes, rows, columns)])].map((splits) => ({
      rows,
      columns,
      depth: 16,
      threadRows,
      threadColumns,
      splits,
    })),
  )
  const direct = { rows: 32, columns: 64, depth: 0, threadRows: 4, threadColumns: 8, splits: 1 }
  const first = bySize(sizes)
  const isOther = (tiling: Tiling): boolean =>
    tiling.rows < 2 * sizes.m && tiling.columns < 2 * sizes.n && JSON.stringify(tiling) !== JSON.stringify(first)
  return [first, ...[...staged, direct].filter(isOther)]
}

/** The tiling of a product that was not measured. */
export function chooseTiling(product: Product, cpu: boolean = false): Tiling {
  const sizes = productSizes(product)
  return cpu ? untiled(sizes) : bySize(sizes)
}

/** Threads read without workgroup memory. A workgroup has only as many threads as exchange their loads. */
function untiled({ m, n }: ProductSizes): Tiling {
  // Kernels of small blocks compile faster.
  const small = m * n <= 4096
  const [threadRows, threadColumns] = [small || m <= 4 ? 4 : 8, small || n <= 16 ? 4 : 8]
  return { rows: threadRows, columns: 4 * threadColumns, depth: 0, threadRows, threadColumns, splits: 1 }
}

/** Large tiles if there are enough of them. Otherwise the inner axis is split. */
function bySize(sizes: ProductSizes): Tiling {
  const { m, n, k } = sizes
  const side = m > 32 && n > 32 && (tiles(sizes, 64, 64) >= enough / 2 || k > 512) ? 64 : 32
  const rows = m <= 16 ? 16 : side
  const columns = m <= 16 ? 64 : side
  const [threadRows, threadColumns] = side === 64 && rows === 64 ? [8, 8] : [4, 4]
  return { rows, columns, depth: 16, threadRows, threadColumns, splits: splitsOf(sizes, rows, columns) }
}
