import { VitrineError } from "@vitrine/core"

/** The padding of a batch at the places of its features. It is an input of the model beside the images. */
export interface FeaturePadding {
  /** 1 for a place of the image, 0 for padding: `[batch, rows · columns]`. */
  readonly visible: Float32Array
  /** The position embeddings of the places: `[batch, rows · columns, dim]`. */
  readonly positions: Float32Array
}

const temperature = 10000
const scale = 2 * Math.PI
const epsilon = 1e-6

/**
 * Computes the padding and the positions at the places of the features. The mask is resized to nearest neighbours, as
 * `torch.nn.functional.interpolate` does.
 * @param mask 1 for image, 0 for padding: `[batch, height, width]`
 */
export function featurePadding(
  mask: ArrayLike<number>,
  [height, width]: readonly [number, number],
  grid: readonly [number, number],
  dim: number,
): FeaturePadding {
  const [rows, columns] = grid
  const batch = mask.length / (height * width)
  if (!Number.isInteger(batch))
    throw new VitrineError("shape", `a mask of ${mask.length} values is none of images of ${height}×${width}`)
  const visible = new Float32Array(batch * rows * columns)
  const [fromRows, fromColumns] = [nearest(height, rows), nearest(width, columns)]
  let at = 0
  for (let n = 0; n < batch; n++)
    for (const row of fromRows)
      for (const column of fromColumns) visible[at++] = mask[(n * height + row) * width + column] === 0 ? 0 : 1
  return { visible, positions: sinePositions(visible, grid, dim) }
}

/** For each of `out` places the nearest of `length` places. It computes in float32, as PyTorch does. */
function nearest(length: number, out: number): number[] {
  const step = Math.fround(length / out)
  return Array.from({ length: out }, (_, i) => Math.min(length - 1, Math.floor(Math.fround(i * step))))
}

/**
 * DETR's sine positions (`PositionEmbeddingSine` with `normalize`). The y of a place is its rank among the visible
 * places of its column, divided by their number. The x is the same in its row. Each takes half of `dim`, y first, as
 * alternating sines and cosines.
 * @param visible `[batch, rows · columns]`
 * @returns `[batch, rows · columns, dim]`
 */
export function sinePositions(
  visible: ArrayLike<number>,
  [rows, columns]: readonly [number, number],
  dim: number,
): Float32Array {
  const features = dim / 2
  const rates = Float64Array.from({ length: features }, (_, i) => temperature ** ((2 * Math.floor(i / 2)) / features))
  const places = rows * columns
  const out = new Float32Array(visible.length * dim)
  /** Fills half of the features at the places of a row or column: `first`, `first + step`, … */
  const fillLine = (first: number, step: number, length: number, half: 0 | 1): void => {
    let total = 0
    for (let i = 0; i < length; i++) total += visible[first + i * step] ?? 0
    let count = 0
    for (let i = 0; i < length; i++) {
      const place = first + i * step
      count += visible[place] ?? 0
      const angle = (count / (total + epsilon)) * scale
      const at = place * dim + half * features
      for (let k = 0; k < features; k++) {
        const turned = angle / (rates[k] ?? 1)
        out[at + k] = k % 2 === 0 ? Math.sin(turned) : Math.cos(turned)
      }
    }
  }
  for (let image = 0; image < visible.length; image += places) {
    for (let column = 0; column < columns; column++) fillLine(image + column, columns, rows, 0)
    for (let row = 0; row < rows; row++) fillLine(image + row * columns, 1, columns, 1)
  }
  return out
}
