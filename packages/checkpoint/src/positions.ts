import { VitrineError } from "@vitrine/core"

/**
 * The methods of resizing position embeddings, by the model's library:
 * - `timm`: bicubic (a = -0.5) with antialias, without the cells beyond the edges; `resample_abs_pos_embed` of timm.
 * - `huggingface`: bicubic (a = -0.75) without antialias, with repeated edges; `interpolate_pos_encoding` of
 *   transformers.
 * - `google`: linear between aligned corners; `scipy.ndimage.zoom` of order 1, as in
 *   google-research/vision_transformer.
 * - `bilinear`: linear between the centres of cells, without antialias.
 */
export type PositionMethod = "timm" | "huggingface" | "google" | "bilinear"

/** A resize of position embeddings, `[prefixTokens + rows · columns, dim]`, from one grid to another. */
export interface PositionResize {
  /** The number of rows before the grid's, such as a class token's. They are not resized. */
  readonly prefixTokens: number
  readonly dim: number
  readonly from: readonly [rows: number, columns: number]
  readonly to: readonly [rows: number, columns: number]
  readonly method: PositionMethod
}

/**
 * Resizes position embeddings, [prefixTokens + rows · columns, dim], to another grid. Both are row-major. Sums are in
 * float64.
 * @throws VitrineError (shape) for a table of another length
 */
export function resizePositions(table: Float32Array, options: PositionResize): Float32Array {
  const { prefixTokens, dim, from, to, method } = options
  if (table.length !== (prefixTokens + from[0] * from[1]) * dim)
    throw new VitrineError(
      "shape",
      `position embeddings of ${from[0]}×${from[1]} patches and ${prefixTokens} other tokens of width ${dim} are ${(prefixTokens + from[0] * from[1]) * dim} numbers, got ${table.length}`,
    )
  const prefix = prefixTokens * dim
  const out = new Float32Array(prefix + to[0] * to[1] * dim)
  out.set(table.subarray(0, prefix))
  const [down, across] = [axes[method](from[0], to[0]), axes[method](from[1], to[1])]
  const wide = alongAxis(Float64Array.from(table.subarray(prefix)), across, {
    outer: from[0],
    size: from[1],
    inner: dim,
  })
  out.set(alongAxis(wide, down, { outer: 1, size: from[0], inner: to[1] * dim }), prefix)
  return out
}

/** The source cells of one place in the result, and their shares. */
type Shares = readonly (readonly [cell: number, share: number])[]

/** [outer, size, inner] to [outer, places, inner]. */
function alongAxis(
  values: Float64Array,
  places: readonly Shares[],
  { outer, size, inner }: { readonly outer: number; readonly size: number; readonly inner: number },
): Float64Array {
  const out = new Float64Array(outer * places.length * inner)
  for (let o = 0; o < outer; o++)
    for (const [place, shares] of places.entries()) {
      const target = (o * places.length + place) * inner
      for (const [cell, share] of shares) {
        const source = (o * size + cell) * inner
        for (let i = 0; i < inner; i++)
          out[target + i] = (out[target + i] as number) + share * (values[source + i] as number)
      }
    }
  return out
}

const clamp = (cell: number, size: number): number => Math.min(Math.max(cell, 0), size - 1)

/** Keys' kernel: R. Keys, "Cubic convolution interpolation for digital image processing" (1981). */
function cubic(x: number, a: number): number {
  const t = Math.abs(x)
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0
}

/** Linear interpolation between the two cells around `at`. */
function linear(at: number, size: number): Shares {
  const low = clamp(Math.floor(at), size)
  const share = at - low
  return share > 0 && low + 1 < size
    ? [
        [low, 1 - share],
        [low + 1, share],
      ]
    : [[low, 1]]
}

const places = (count: number, shares: (place: number) => Shares): Shares[] =>
  Array.from({ length: count }, (_, place) => shares(place))

/** The shares of every place along one axis, from one size to another. */
const axes: Readonly<Record<PositionMethod, (from: number, to: number) => Shares[]>> = {
  timm: (from, to) => {
    const scale = from / to
    const width = Math.max(scale, 1)
    return places(to, (place) => {
      const centre = scale * (place + 0.5)
      const first = Math.max(Math.trunc(centre - 2 * width + 0.5), 0)
      const end = Math.min(Math.trunc(centre + 2 * width + 0.5), from)
      const weights = Array.from({ length: end - first }, (_, i) => cubic((first + i + 0.5 - centre) / width, -0.5))
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      return weights.map((weight, i) => [first + i, weight / total] as const)
    })
  },
  huggingface: (from, to) =>
    places(to, (place) => {
      const at = (place + 0.5) * (from / to) - 0.5
      const low = Math.floor(at)
      return [-1, 0, 1, 2].map((i) => [clamp(low + i, from), cubic(at - low - i, -0.75)] as const)
    }),
  google: (from, to) => places(to, (place) => linear(to === 1 ? 0 : (place * (from - 1)) / (to - 1), from)),
  bilinear: (from, to) => places(to, (place) => linear(Math.max((place + 0.5) * (from / to) - 0.5, 0), from)),
}
