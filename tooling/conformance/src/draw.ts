import { type HostData, keyFromSeed, ops, type Shape, randomStream, type Tensor } from "@vitrine/core"
import { elementCount } from "@vitrine/core/backend"

/** Draws the inputs of a case. Each call adds an input to the graph and draws its values. */
export interface Draw {
  /** Float32, standard normal times `scale` plus `shift`. */
  normal(shape: Shape, options?: { readonly scale?: number; readonly shift?: number }): Tensor
  /** Float32, uniform from `from` to `to`. */
  uniform(shape: Shape, from: number, to: number): Tensor
  /** Int32 from 0 to `below` − 1. */
  integers(shape: Shape, below: number): Tensor
  bools(shape: Shape): Tensor
  /** The given values: float32, unless they are an Int32Array. */
  values(shape: Shape, values: readonly number[] | Int32Array): Tensor
}

export interface Drawn extends Draw {
  /** All inputs so far, by name. */
  readonly tensors: Record<string, Tensor>
  readonly data: Record<string, HostData>
}

export interface DrawOptions {
  /** The size of a batch dimension. */
  readonly batch?: number
  /** The prefix of the inputs' names. With it several computations can be one graph. */
  readonly prefix?: string
}

/** Draws inputs. Equal seeds give equal numbers. */
export function drawFrom(seed: number, { batch, prefix = "" }: DrawOptions = {}): Drawn {
  const random = randomStream(keyFromSeed(seed))
  const tensors: Record<string, Tensor> = {}
  const data: Record<string, HostData> = {}
  const add = (shape: Shape, dtype: Tensor["dtype"], values: HostData): Tensor => {
    const name = `${prefix}x${Object.keys(tensors).length}`
    data[name] = values
    tensors[name] = ops.input(name, shape, dtype)
    return tensors[name]
  }
  const floats = (shape: Shape, next: () => number): Tensor =>
    add(shape, "float32", Float32Array.from({ length: elementCount(shape, batch) }, next))
  return {
    tensors,
    data,
    normal: (shape, { scale = 1, shift = 0 } = {}) => floats(shape, () => shift + scale * random.normal()),
    uniform: (shape, from, to) => floats(shape, () => from + (to - from) * random.uniform()),
    integers: (shape, below) =>
      add(
        shape,
        "int32",
        Int32Array.from({ length: elementCount(shape, batch) }, () => random.integer(below)),
      ),
    bools: (shape) =>
      add(
        shape,
        "bool",
        Uint8Array.from({ length: elementCount(shape, batch) }, () => random.integer(2)),
      ),
    values: (shape, values) =>
      values instanceof Int32Array ? add(shape, "int32", values) : add(shape, "float32", Float32Array.from(values)),
  }
}
