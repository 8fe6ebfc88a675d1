import { type HostTensor, VitrineError } from "@vitrine/core"

/**
 * The shape of a tensor that must have so many dimensions, such as `["batch", "heads", "tokens", "tokens"]`.
 * @throws VitrineError (shape) when it has others, when its data do not fill it, or when a value is not finite.
 */
export function shapeOf({ data, shape }: HostTensor, dims: readonly string[], what: string): readonly number[] {
  const fault = (found: string): VitrineError =>
    new VitrineError("shape", `${what} must be [${dims.join(", ")}], got ${found}`)
  if (shape.length !== dims.length || shape.some((n) => !Number.isSafeInteger(n) || n < 1))
    throw fault(`[${shape.join(", ")}]`)
  const count = shape.reduce((a, b) => a * b, 1)
  if (count !== data.length) throw fault(`[${shape.join(", ")}] with ${data.length} values`)
  const at = data.findIndex((x) => !Number.isFinite(x))
  if (at >= 0) throw new VitrineError("shape", `${what}: value ${at} is ${data[at]}, so there is nothing to show`)
  return shape
}

/** The cosine of the angle between row `i` of `a` and row `k` of `b`, rows of `width` values; 0 where one has no length. */
export function cosine(a: ArrayLike<number>, i: number, b: ArrayLike<number>, k: number, width: number): number {
  let dot = 0
  let aa = 0
  let bb = 0
  for (let d = 0; d < width; d++) {
    const x = a[i * width + d] as number
    const y = b[k * width + d] as number
    dot += x * y
    aa += x * x
    bb += y * y
  }
  const lengths = Math.sqrt(aa) * Math.sqrt(bb)
  return lengths === 0 ? 0 : Math.min(1, Math.max(-1, dot / lengths))
}
