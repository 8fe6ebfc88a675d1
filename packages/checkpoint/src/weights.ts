/** Weights in files, and the tensors that parameters are read from. */
import { type StorageDType, type StoredTensor, toFloat32, viewBytes } from "@vitrine/archive"
import { fileError, shown } from "./errors.ts"
import { headerLength, headerOffset, parseHeader, type TensorInfo } from "./safetensors.ts"
import type { ByteSource } from "@vitrine/archive"

/** A tensor in a file of weights, before its values are read. */
export interface WeightTensor {
  readonly name: string
  readonly dtype: StorageDType
  readonly shape: readonly number[]
  /** The position of its bytes in the file, if they are row-major and uncompressed. */
  readonly place?: { readonly file: string; readonly begin: number; readonly end: number }
}

/** The weights of an open file. Only headers are in memory. */
export interface Weights {
  readonly tensors: readonly WeightTensor[]
  /** Reads one tensor. */
  read(name: string): Promise<StoredTensor>
}

/** The tensors that a parameter is read from. */
export interface ParameterSource {
  /** The names of the tensors in the file. */
  readonly from: readonly string[]
  /** Computes the parameter from the tensors. The default concatenates them along the first axis. */
  readonly make?: (parts: readonly Float32Array[]) => Float32Array
}

/** The source of each parameter of a model. Parameters from the same tensors are neighbours. */
export type WeightSources = ReadonlyMap<string, ParameterSource>

/** The weights of an open safetensors file. */
export interface SafetensorsWeights extends Weights {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: readonly (TensorInfo & WeightTensor)[]
}

/**
 * Reads only the header of a safetensors file.
 * @throws VitrineError (file)
 */
export async function openSafetensorsSource(source: ByteSource): Promise<SafetensorsWeights> {
  const { name: file, size } = source
  const facts = { fileSize: size, name: file }
  const length = headerLength(await source.read(0, Math.min(size, headerOffset)), facts)
  const { metadata, tensors } = parseHeader(await source.read(0, headerOffset + length), facts)
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  return {
    metadata,
    tensors: tensors.map((tensor) => ({ ...tensor, place: { file, begin: tensor.begin, end: tensor.end } })),
    async read(name) {
      const tensor = byName.get(name)
      if (tensor === undefined) throw fileError(file, `has no tensor ${shown(name)}`)
      const { dtype, shape, begin, end } = tensor
      return { dtype, shape, data: viewBytes(dtype, await source.read(begin, end)) }
    },
  }
}

/**
 * A function that reads a parameter of a model by its name, in float32. The tensors of the previous parameter stay in
 * memory. So a tensor that several parameters share is read once if they are read in the order of `sources`.
 */
export function parameterReader(
  weights: Pick<Weights, "read">,
  sources: WeightSources,
): (name: string) => Promise<Float32Array> {
  let cache = new Map<string, Promise<Float32Array>>()
  return async (name) => {
    const source = sources.get(name)
    if (source === undefined) throw new Error(`the model has no parameter ${name}`)
    const { from, make = concatenated } = source
    const read = async (tensor: string): Promise<Float32Array> => toFloat32(await weights.read(tensor))
    const parts = new Map(from.map((tensor) => [tensor, cache.get(tensor) ?? read(tensor)]))
    cache = make === concatenated ? new Map() : parts
    return make(await Promise.all(parts.values()))
  }
}

/** Concatenates the values of tensors. A single tensor is not copied. */
export function concatenated(parts: readonly Float32Array[]): Float32Array {
  const [only, ...others] = parts
  if (only !== undefined && others.length === 0) return only
  const all = new Float32Array(parts.reduce((total, { length }) => total + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
