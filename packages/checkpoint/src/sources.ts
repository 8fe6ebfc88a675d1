import type { ParameterSource } from "./weights.ts"

/** The part of a file's header that names its tensors. */
export interface TensorNames {
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]
}

/** A source with the shapes that its tensors must have. */
export interface ShapedSource extends ParameterSource {
  readonly shapes: readonly (readonly number[])[]
}

/** The tensors that sources are made of, each once. */
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

/** A weight by its name, which must be there. */
export function weightOf(weights: Readonly<Record<string, Float32Array>>, name: string): Float32Array {
  const values = weights[name]
  if (values === undefined) throw new Error(`there are no weights of ${name}`)
  return values
}

/** The values of `a`, each with the value of `b` at its place added. */
export function sum(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value + (b[i] as number))
}

/** A tensor that a parameter is made of. */
export function partOf(values: Float32Array | undefined): Float32Array {
  if (values === undefined) throw new Error("a tensor of the parameter is missing")
  return values
}

/** The size of a tensor along an axis that it has. */
export function sizeAt(shape: readonly number[], axis: number): number {
  const size = shape[axis]
  if (size === undefined) throw new Error(`[${shape.join(", ")}] has no axis ${axis}`)
  return size
}
