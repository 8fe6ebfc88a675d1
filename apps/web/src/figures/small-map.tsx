import type { JSX } from "preact"
import { Picture } from "./picture.tsx"

/** Attention without the picture. It has one pixel for each patch, so that hundreds of maps are drawn quickly. */
export function SmallMap(props: {
  readonly weights: Float32Array
  readonly grid: readonly [rows: number, columns: number]
}): JSX.Element {
  const { weights, grid } = props
  const largest = weights.reduce((a, b) => Math.max(a, b), 1e-9)
  const pixels = new Uint8Array(weights.length * 3)
  for (const [i, weight] of weights.entries()) {
    const share = weight / largest
    pixels.set([30 + 222 * share ** 1.2, 26 + 190 * share ** 1.7, 44 + 150 * share ** 0.8].map(Math.round), 3 * i)
  }
  return <Picture pixels={pixels} width={grid[1]} height={grid[0]} />
}
