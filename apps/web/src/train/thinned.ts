type Point = readonly [x: number, y: number]

/**
 * Reduces points to `most` at most, so that long runs are drawn quickly. Each new point is the mean of its neighbours.
 */
export function thinned(points: readonly Point[], most = 240): Point[] {
  const size = Math.ceil(points.length / most)
  if (size <= 1) return [...points]
  return Array.from({ length: Math.ceil(points.length / size) }, (_, i) => {
    const group = points.slice(i * size, (i + 1) * size)
    const mean = (axis: 0 | 1): number => group.reduce((sum, point) => sum + point[axis], 0) / group.length
    return [Math.round(mean(0)), mean(1)]
  })
}
