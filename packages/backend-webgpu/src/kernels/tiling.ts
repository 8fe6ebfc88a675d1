import { dimAt } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"
import type { Step } from "../plan/step.ts"
import { matrixAxes } from "../plan/view.ts"

/**
 * How a product is cut. Each workgroup makes rows × columns, each of its threads a block of them. Workgroups hold `depth`
 * of the inner axis at a time in their memory; where that is 0, threads read for themselves: see direct.ts.
 */
export interface Tiling {
  readonly rows: number
  readonly columns: number
  readonly depth: number
  readonly threadRows: number
  readonly threadColumns: number
  /** Parts of the inner axis. Where there are several, each has workgroups of its own, and another kernel sums them up. */
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
  // The order of the fields is that of the keys in caches.
  return { batch: lead.shape, m: rows.size, k: columns.size, n: dimAt(b.shape, -1) }
}

/** Workgroups that keep a large device busy. */
const enough = 96

/** A text for a product. Equal texts mean equal sizes, and factors that lie alike in memory. */
export function tilingKey(product: Product): string {
  const along = product.inputs.map(({ strides }) => strides.at(-1) === 1)
  return JSON.stringify({ ...productSizes(product), along })
}

const tiles = ({ batch, m, n }: ProductSizes, rows: number, columns: number): number =>
  elementCount(batch) * Math.ceil(m / rows) * Math.ceil(n / columns)

/** Into how many parts the inner axis falls, so that there are enough workgroups. */
const splitsOf = (sizes: ProductSizes, rows: number, columns: number): number =>
  Math.max(1, Math.min(8, Math.floor(enough / tiles(sizes, rows, columns)), Math.floor(sizes.k / 512)))

/** Tilings of which one may be the fastest on some device, for the product of a key. The first is `chooseTiling`'s. */
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

/** The tiling of a product where none was measured. */
export function chooseTiling(product: Product, cpu: boolean = false): Tiling {
  const sizes = productSizes(product)
  return cpu ? untiled(sizes) : bySize(sizes)
}

/** Threads read for themselves, and no more of them stand together than exchange what they load. */
function untiled({ m, n }: ProductSizes): Tiling {
  // Kernels of small blocks compile faster.
  const small = m * n <= 4096
  const [threadRows, threadColumns] = [small || m <= 4 ? 4 : 8, small || n <= 16 ? 4 : 8]
  return { rows: threadRows, columns: 4 * threadColumns, depth: 0, threadRows, threadColumns, splits: 1 }
}

/** Large tiles where there are enough of them, and the inner axis split where not. */
function bySize(sizes: ProductSizes): Tiling {
  const { m, n, k } = sizes
  const side = m > 32 && n > 32 && (tiles(sizes, 64, 64) >= enough / 2 || k > 512) ? 64 : 32
  const rows = m <= 16 ? 16 : side
  const columns = m <= 16 ? 64 : side
  const [threadRows, threadColumns] = side === 64 && rows === 64 ? [8, 8] : [4, 4]
  return { rows, columns, depth: 16, threadRows, threadColumns, splits: splitsOf(sizes, rows, columns) }
}
