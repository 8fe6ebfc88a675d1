import { VitrineError } from "@vitrine/core"

/** Pairs of a row and a column, sorted by row. There are as many pairs as the shorter side has entries. */
export interface Assignment {
  readonly rows: Int32Array
  readonly columns: Int32Array
}

/**
 * Assigns rows to columns with the least sum of costs. Each row and column is used at most once. The result is exact
 * for any rectangular table. The method is that of Jonker and Volgenant, by shortest augmenting paths, in the
 * rectangular form of Crouse ("On implementing 2D rectangular assignment algorithms", 2016), as in scipy's
 * `linear_sum_assignment`. It takes O(rows · columns · shorter side).
 * @param cost [rows, columns]; Infinity forbids a pair
 * @throws VitrineError for another number of costs, for NaN or -Infinity (with the pair), and if forbidden pairs
 *   prevent a full assignment
 */
export function assignment(cost: ArrayLike<number>, rows: number, columns: number): Assignment {
  if (cost.length !== rows * columns)
    throw new VitrineError("shape", `assignment: ${cost.length} costs are not ${rows} rows of ${columns}`)
  for (let at = 0; at < cost.length; at++)
    if (!((cost[at] ?? Number.NaN) > -Infinity))
      throw new VitrineError(
        "training",
        `assignment: the cost of row ${Math.floor(at / columns)} and column ${at % columns} is ${cost[at]}; ` +
          "costs are numbers, or Infinity for a forbidden pair",
      )
  if (rows <= columns) {
    const columnOf = shortestPaths((row, column) => cost[row * columns + column] ?? Infinity, rows, columns)
    return { rows: Int32Array.from(columnOf, (_, row) => row), columns: columnOf }
  }
  const rowOf = shortestPaths((column, row) => cost[row * columns + column] ?? Infinity, columns, rows)
  const pairs = Array.from(rowOf, (row, column) => ({ row, column })).sort((a, b) => a.row - b.row)
  return { rows: Int32Array.from(pairs, ({ row }) => row), columns: Int32Array.from(pairs, ({ column }) => column) }
}

/**
 * Finds the target of each of `n` sources, for n ≤ m. It adds the sources one by one, each along the shortest path of
 * reduced costs.
 */
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
      let shortest = Infinity
      const price = sourcePrice[source] ?? 0
      for (let target = 0; target < m; target++) {
        if (settled[target]) continue
        const through = length + cost(source, target) - price - (targetPrice[target] ?? 0)
        let reach = distance[target] ?? Infinity
        if (through < reach) {
          reach = through
          distance[target] = through
          from[target] = source
        }
        // Of equally near targets a free one is better, since it ends the search.
        if (nearest < 0 || reach < shortest || (reach === shortest && sourceOf[target] === -1)) {
          nearest = target
          shortest = reach
        }
      }
      length = shortest
      if (length === Infinity)
        throw new VitrineError("training", `assignment: forbidden pairs leave no assignment of all ${n} to ${m}`)
      settled[nearest] = 1
      const next = sourceOf[nearest] ?? -1
      if (next < 0) end = nearest
      else {
        source = next
        reached.push(next)
      }
    }
    for (const i of reached) {
      const before = i === entering ? 0 : (distance[targetOf[i] ?? -1] ?? 0)
      sourcePrice[i] = (sourcePrice[i] ?? 0) + length - before
    }
    for (let target = 0; target < m; target++)
      if (settled[target]) targetPrice[target] = (targetPrice[target] ?? 0) - length + (distance[target] ?? 0)
    for (let target = end; target >= 0; ) {
      const assigned = from[target] ?? -1
      const previous = targetOf[assigned] ?? -1
      sourceOf[target] = assigned
      targetOf[assigned] = target
      target = previous
    }
  }
  return targetOf
}
