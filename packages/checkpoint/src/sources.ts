import type { ParameterSource } from "./weights.ts"

/** The part of a file's header that names its tensors. */
export interface TensorNames {
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]
}

/** A source with the shapes that its tensors must have. */
export interface ShapedSource extends ParameterSource {
  readonly shapes: readonly (readonly number[])[]
}

/** The distinct tensors of sources. */
export function sourceTensors(
  sources: Iterable<readonly [string, ShapedSource]>,
): { name: string; shape: readonly number[] }[] {
  const tensors = new Map<string, readonly number[]>()
  for (const [, { from, shapes }] of sources)
    for (const [i, shape] of shapes.entries()) {
      const name = from[i]
      if (name !== undefined) tensors.set(name, shape)
    }
  return Array.from(tensors, ([name, shape]) => ({ name, shape }))
}

/** The weight with this name, which must exist. */
export function weightOf(weights: Readonly<Record<string, Float32Array>>, name: string): Float32Array {
  const values = weights[name]
  if (values === undefined) throw new Error(`there are no weights of ${name}`)
  return values
}

/** Adds two arrays element by element. */
export function sum(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value + (b[i] as number))
}

/** A tensor that is a part of a parameter, and must exist. */
export function partOf(values: Float32Array | undefined): Float32Array {
  if (values === undefined) throw new Error("a tensor of the parameter is missing")
  return values
}

/** The size of a tensor along an axis that must exist. */
export function sizeAt(shape: readonly number[], axis: number): number {
  const size = shape[axis]
  if (size === undefined) throw new Error(`[${shape.join(", ")}] has no axis ${axis}`)
  return size
}
