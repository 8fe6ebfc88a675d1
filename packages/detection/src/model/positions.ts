import { VitrineError } from "@vitrine/core"

/** A padded batch as its features see it; what a model is given besides images. */
export interface FeaturePadding {
  /** 1 where a place of the features shows image, 0 where padding: `[batch, rows · columns]`. */
  readonly visible: Float32Array
  /** The position embeddings of the places: `[batch, rows · columns, dim]`. */
  readonly positions: Float32Array
}

const temperature = 10000
const scale = 2 * Math.PI
const epsilon = 1e-6

/**
 * What the features of a padded batch see of its mask, and their positions. The mask is resized by nearest neighbours, as
 * `torch.nn.functional.interpolate` does.
 * @param mask 1 where there is image, 0 where padding: `[batch, height, width]`
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

/** Where each of `out` values is taken from among `length`, in the float32 that PyTorch computes with. */
function nearest(length: number, out: number): number[] {
  const step = Math.fround(length / out)
  return Array.from({ length: out }, (_, i) => Math.min(length - 1, Math.floor(Math.fround(i * step))))
}

/**
 * DETR's sine positions (`PositionEmbeddingSine` with `normalize`): of each place how many visible ones are above and left of
 * it, itself included, as a share of its column and row, in half of `dim` each, y before x, sines and cosines in turn.
 * @param visible `[batch, rows · columns]`
 * @returns `[batch, rows · columns, dim]`
 */
export function sinePositions(
  visible: ArrayLike<number>,
  [rows, columns]: readonly [number, number],
  dim: number,
): Float32Array {
  const features = dim / 2
  const rates = Array.from({ length: features }, (_, i) => temperature ** ((2 * Math.floor(i / 2)) / features))
  const places = rows * columns
  const out = new Float32Array(visible.length * dim)
  for (let image = 0; image < visible.length; image += places) {
    const seen = (y: number, x: number): number => visible[image + y * columns + x] as number
    const fill = (axis: 0 | 1, lines: number, length: number): void => {
      for (let line = 0; line < lines; line++) {
        const value = (i: number): number => (axis === 0 ? seen(i, line) : seen(line, i))
        let total = 0
        for (let i = 0; i < length; i++) total += value(i)
        let count = 0
        for (let i = 0; i < length; i++) {
          count += value(i)
          const angle = (count / (total + epsilon)) * scale
          const place = image + (axis === 0 ? i * columns + line : line * columns + i)
          const at = place * dim + axis * features
          for (let k = 0; k < features; k++) {
            const turned = angle / (rates[k] as number)
            out[at + k] = k % 2 === 0 ? Math.sin(turned) : Math.cos(turned)
          }
        }
      }
    }
    fill(0, columns, rows)
    fill(1, rows, columns)
  }
  return out
}
