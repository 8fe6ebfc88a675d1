/** Weights as they lie in files, and which of their tensors make a model's parameters. */
import { type StorageDType, type StoredTensor, toFloat32, viewBytes } from "./dtype.ts"
import { fileError, shown } from "./errors.ts"
import { headerLength, headerOffset, parseHeader, type TensorInfo } from "./safetensors.ts"
import type { ByteSource } from "./source.ts"

export interface WeightTensor {
  readonly name: string
  readonly dtype: StorageDType
  readonly shape: readonly number[]
  /** Its bytes in a file, for one that lies there row-major and uncompressed. */
  readonly place?: { readonly file: string; readonly begin: number; readonly end: number }
}

/** Open weights, of which only headers have been read. */
export interface Weights {
  readonly tensors: readonly WeightTensor[]
  /** Reads one tensor. */
  read(name: string): Promise<StoredTensor>
}

/** Of which tensors a parameter is made. */
export interface ParameterSource {
  /** In the names of the file. */
  readonly from: readonly string[]
  /** Makes the parameter's values of theirs; without it they are joined along their first axis. */
  readonly make?: (parts: readonly Float32Array[]) => Float32Array
}

/** The sources of all parameters of a model, those next to each other that are made of the same tensors. */
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
 * Reads the parameters of a model by their names, in float32. What the last one was made of is kept, so that tensors
 * which hold several parameters are read once where these are asked for in the order of `sources`.
 */
export function parameterReader(
  weights: Pick<Weights, "read">,
  sources: WeightSources,
): (name: string) => Promise<Float32Array> {
  let kept = new Map<string, Promise<Float32Array>>()
  return async (name) => {
    const source = sources.get(name)
    if (source === undefined) throw new Error(`the model has no parameter ${name}`)
    const { from, make = joined } = source
    const read = async (tensor: string): Promise<Float32Array> => toFloat32(await weights.read(tensor))
    const parts = new Map(from.map((tensor) => [tensor, kept.get(tensor) ?? read(tensor)]))
    kept = make === joined ? new Map() : parts
    return make(await Promise.all(parts.values()))
  }
}

/** The values of tensors one after the other; those of one alone as they are. */
function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0] as Float32Array
  const all = new Float32Array(parts.reduce((total, { length }) => total + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
