/** Weights in files, and the tensors that make a model's parameters. */
import { type StorageDType, type StoredTensor, toFloat32, viewBytes } from "@vitrine/archive"
import { fileError, shown } from "./errors.ts"
import { headerLength, headerOffset, parseHeader, type TensorInfo } from "./safetensors.ts"
import type { ByteSource } from "@vitrine/archive"

export interface WeightTensor {
  readonly name: string
  readonly dtype: StorageDType
  readonly shape: readonly number[]
  /** Where its bytes lie, if they are row-major and uncompressed. */
  readonly place?: { readonly file: string; readonly begin: number; readonly end: number }
}

/** Open weights. Only headers have been read. */
export interface Weights {
  readonly tensors: readonly WeightTensor[]
  /** Reads one tensor. */
  read(name: string): Promise<StoredTensor>
}

/** The tensors that make a parameter. */
export interface ParameterSource {
  /** Their names in the file. */
  readonly from: readonly string[]
  /** Makes the parameter's values. Without it the tensors are concatenated along their first axis. */
  readonly make?: (parts: readonly Float32Array[]) => Float32Array
}

/** The sources of all parameters of a model. Parameters of the same tensors stand next to each other. */
export type WeightSources = ReadonlyMap<string, ParameterSource>

/** Open weights of a safetensors file. */
export interface SafetensorsWeights extends Weights {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: readonly (TensorInfo & WeightTensor)[]
}

/**
 * Reads the header of a safetensors file alone.
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
 * Reads the parameters of a model by their names, in float32. The tensors of the last parameter stay in memory, so that a
 * tensor with several parameters is read once if these are read in the order of `sources`.
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

/** The values of tensors one after the other. One tensor's values are not copied. */
function concatenated(parts: readonly Float32Array[]): Float32Array {
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
