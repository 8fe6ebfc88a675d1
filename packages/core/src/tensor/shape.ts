import { VitrineError } from "../errors.ts"

/**
 * A dimension: a number, or the batch size, which is open until the graph is compiled. Reshaping may fold dimensions
 * into the batch: `"batch*197"` stands for 197 rows for each example.
 */
export type Dim = number | "batch" | `batch*${number}`

/** Dimensions. The last one varies fastest in memory. Only the first one may depend on the batch. */
export type Shape = readonly Dim[]

export interface BatchMultiple {
  readonly batch: boolean
  /** The number, or the factor of the batch size. */
  readonly times: number
}

/** A dimension as a multiple of the batch, or as a number. */
export function parseDim(dim: Dim): BatchMultiple {
  if (typeof dim === "number") return { batch: false, times: dim }
  return { batch: true, times: dim === "batch" ? 1 : Number(dim.slice("batch*".length)) }
}

function toDim({ batch, times }: BatchMultiple): Dim {
  if (!batch) return times
  return times === 1 ? "batch" : `batch*${times}`
}

/** The product of dimensions, as one dimension. @throws VitrineError (shape) when the batch occurs twice. */
export function product(dims: Shape): Dim {
  let batch = false
  let times = 1
  for (const dim of dims) {
    const parsed = parseDim(dim)
    if (batch && parsed.batch) throw new VitrineError("shape", `${showShape(dims)} holds the batch dimension twice`)
    batch ||= parsed.batch
    times *= parsed.times
  }
  return toDim({ batch, times })
}

/** The number of elements of a shape. `batch` is needed if a dimension depends on it. */
export function elementCount(shape: Shape, batch?: number): number {
  let n = 1
  for (const dim of shape) n *= bindDim(dim, batch)
  return n
}

/**
 * The size of a dimension for a batch.
 * @throws VitrineError (shape) if the dimension depends on the batch and there is none
 */
export function bindDim(dim: Dim, batch?: number): number {
  if (typeof dim === "number") return dim
  if (batch === undefined) throw new VitrineError("shape", `the size of dimension "${dim}" is not known yet`)
  return parseDim(dim).times * batch
}

/**
 * The dimension of an axis. A negative axis counts from the end.
 * @throws VitrineError (shape) if there is no such axis.
 */
export function dimAt<D extends Dim>(shape: readonly D[], axis: number): D {
  const dim = shape.at(axis)
  if (dim === undefined) throw new VitrineError("shape", `${showShape(shape)} has no axis ${axis}`)
  return dim
}

/**
 * The size of an axis that must not depend on the batch.
 * @throws VitrineError (shape) if it does.
 */
export function fixed(shape: Shape, axis: number): number {
  const dim = shape.at(axis)
  if (typeof dim !== "number") throw new VitrineError("shape", `axis ${axis} of ${showShape(shape)} has no fixed size`)
  return dim
}

/** The four dimensions of images or of kernels. @throws VitrineError (shape) for another number of axes. */
export function fourDims<D extends Dim>(shape: readonly D[]): readonly [D, D, D, D] {
  const [a, b, c, d] = shape
  if (a === undefined || b === undefined || c === undefined || d === undefined || shape.length !== 4)
    throw new VitrineError("shape", `expected four axes, got ${showShape(shape)}`)
  return [a, b, c, d]
}

/** Whether two shapes are equal, dimension by dimension. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i])
}

/** A shape for error messages: `[batch, 197, 192]`. */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`
}

/** The shape that two shapes broadcast to, by NumPy's rules. @throws VitrineError (shape) when the two do not fit. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i): Dim => {
    const x = a[a.length - rank + i] ?? 1
    const y = b[b.length - rank + i] ?? 1
    if (x !== y && x !== 1 && y !== 1)
      throw new VitrineError(
        "shape",
        `${op}: shapes ${showShape(a)} and ${showShape(b)} do not broadcast (${x} against ${y})`,
      )
    return x === 1 ? y : x
  })
}
