import { VitrineError } from "@vitrine/core"

/** Pairs of a row and a column, as many as the shorter side has, sorted by row. */
export interface Assignment {
  readonly rows: Int32Array
  readonly columns: Int32Array
}

/**
 * The assignment of rows to columns, each used at most once, whose sum of costs is least: exact, for any rectangle. The
 * shortest augmenting paths of Jonker and Volgenant in the rectangular form of Crouse ("On implementing 2D rectangular
 * assignment algorithms", 2016), as scipy's `linear_sum_assignment`; O(rows · columns · shorter side).
 * @param cost [rows, columns]; Infinity forbids a pair
 * @throws VitrineError for another length, for NaN or -Infinity (naming the pair), and where forbidden pairs leave no
 * assignment of the whole shorter side
 */
export function assignment(cost: ArrayLike<number>, rows: number, columns: number): Assignment {
  if (cost.length !== rows * columns)
    throw new VitrineError("shape", `assign: ${cost.length} costs are not ${rows} rows of ${columns}`)
  for (let at = 0; at < cost.length; at++)
    if (!((cost[at] as number) > -Infinity))
      throw new VitrineError(
        "training",
        `assign: the cost of row ${Math.floor(at / columns)} and column ${at % columns} is ${cost[at]}; ` +
          "costs are numbers, or Infinity for what must not be",
      )
  if (rows <= columns) {
    const columnOf = shortestPaths((i, j) => cost[i * columns + j] as number, rows, columns)
    return { rows: Int32Array.from(columnOf, (_, row) => row), columns: columnOf }
  }
  const rowOf = shortestPaths((i, j) => cost[j * columns + i] as number, columns, rows)
  const order = Array.from(rowOf, (_, column) => column).sort((a, b) => (rowOf[a] as number) - (rowOf[b] as number))
  return { rows: Int32Array.from(order, (column) => rowOf[column] as number), columns: Int32Array.from(order) }
}

/** The target of each of `n` sources, for n ≤ m: one source after the other enters by the shortest path of reduced costs. */
function shortestPaths(cost: (source: number, target: number) => number, n: number, m: number): Int32Array {
  const sourcePrice = new Float64Array(n)
  const targetPrice = new Float64Array(m)
  const targetOf = new Int32Array(n).fill(-1)
  const sourceOf = new Int32Array(m).fill(-1)
  for (let entering = 0; entering < n; entering++) {
    const distance = new Float64Array(m).fill(Infinity)
    const from = new Int32Array(m).fill(-1)
    const settled = new Uint8Array(m)
    const reached: number[] = [entering]
    let length = 0
    let source = entering
    let end = -1
    while (end < 0) {
      let nearest = -1
      for (let j = 0; j < m; j++) {
        if (settled[j]) continue
        const through = length + cost(source, j) - (sourcePrice[source] as number) - (targetPrice[j] as number)
        if (through < (distance[j] as number)) {
          distance[j] = through
          from[j] = source
        }
        const gain = nearest < 0 ? -1 : (distance[j] as number) - (distance[nearest] as number)
        // Among equals a free target ends the search at once.
        if (gain < 0 || (gain === 0 && sourceOf[j] === -1)) nearest = j
      }
      length = distance[nearest] as number
      if (length === Infinity)
        throw new VitrineError("training", `assign: forbidden pairs leave no assignment of all ${n} to ${m}`)
      settled[nearest] = 1
      const next = sourceOf[nearest] as number
      if (next < 0) end = nearest
      else {
        source = next
        reached.push(next)
      }
    }
    for (const i of reached) {
      const before = i === entering ? 0 : (distance[targetOf[i] as number] as number)
      sourcePrice[i] = (sourcePrice[i] as number) + length - before
    }
    for (let j = 0; j < m; j++)
      if (settled[j]) targetPrice[j] = (targetPrice[j] as number) - length + (distance[j] as number)
    for (let target = end; target >= 0; ) {
      const i = from[target] as number
      const previous = targetOf[i] as number
      sourceOf[target] = i
      targetOf[i] = target
      target = previous
    }
  }
  return targetOf
}
