import { hasRow, rowNames } from "@vitrine/core"

/** The number types of safetensors files that Vitrine reads and writes. */
export type StorageDType =
  | "U64"
  | "I64"
  | "F64"
  | "F32"
  | "U32"
  | "I32"
  | "BF16"
  | "F16"
  | "U16"
  | "I16"
  | "I8"
  | "U8"
  | "BOOL"

/**
 * One tensor of a file. `data` is a view of its elements in row-major order. The array has the type of the same name,
 * with these exceptions: I64 and U64 have BigInt arrays, F16 and BF16 have their bits as Uint16Array, BOOL has 0 and 1
 * as Uint8Array.
 */
export interface StoredTensor {
  readonly dtype: StorageDType
  readonly shape: readonly number[]
  readonly data: StorageArray
}

/** The typed arrays that hold the elements of a file. float16 and bfloat16 are held as their bits. */
export type StorageArray =
  | Float64Array
  | Float32Array
  | BigUint64Array
  | BigInt64Array
  | Uint32Array
  | Int32Array
  | Uint16Array
  | Int16Array
  | Uint8Array
  | Int8Array

interface StorageType {
  readonly bytes: number
  view(buffer: ArrayBufferLike, byteOffset: number, length: number): StorageArray
}

/** The types in the official library's order of tensors: the widest first, then by its enum. */
export const storageTypes: Readonly<Record<StorageDType, StorageType>> = {
  U64: { bytes: 8, view: (b, o, n) => new BigUint64Array(b, o, n) },
  I64: { bytes: 8, view: (b, o, n) => new BigInt64Array(b, o, n) },
  F64: { bytes: 8, view: (b, o, n) => new Float64Array(b, o, n) },
  F32: { bytes: 4, view: (b, o, n) => new Float32Array(b, o, n) },
  U32: { bytes: 4, view: (b, o, n) => new Uint32Array(b, o, n) },
  I32: { bytes: 4, view: (b, o, n) => new Int32Array(b, o, n) },
  BF16: { bytes: 2, view: (b, o, n) => new Uint16Array(b, o, n) },
  F16: { bytes: 2, view: (b, o, n) => new Uint16Array(b, o, n) },
  U16: { bytes: 2, view: (b, o, n) => new Uint16Array(b, o, n) },
  I16: { bytes: 2, view: (b, o, n) => new Int16Array(b, o, n) },
  I8: { bytes: 1, view: (b, o, n) => new Int8Array(b, o, n) },
  U8: { bytes: 1, view: (b, o, n) => new Uint8Array(b, o, n) },
  BOOL: { bytes: 1, view: (b, o, n) => new Uint8Array(b, o, n) },
}

/** The names of the element types that files may have. */
export const storageDTypes: readonly StorageDType[] = rowNames(storageTypes)

/** Whether a name is one of `storageDTypes`. */
export function isStorageDType(name: unknown): name is StorageDType {
  return hasRow(storageTypes, name)
}

/** The number of bytes of one element. */
export function bytesPerElement(dtype: StorageDType): number {
  return storageTypes[dtype].bytes
}

/** The elements of little-endian `bytes`. They are copied only if their address is not aligned for the type. */
export function viewBytes(dtype: StorageDType, bytes: Uint8Array): StorageArray {
  const { bytes: size, view } = storageTypes[dtype]
  // `slice` of Node's Buffer does not copy.
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return view(aligned.buffer, aligned.byteOffset, aligned.byteLength / size)
}

type Numbers = Exclude<StorageArray, BigInt64Array | BigUint64Array>

/**
 * The values as JavaScript numbers. They are exact, except for I64 and U64 beyond 2^53. The result may be `data`
 * itself.
 */
export function numbers({ dtype, data }: StoredTensor): Numbers {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number)
  if (dtype === "BF16") return bfloat16ToFloat32(data)
  if (dtype === "F16") return float16ToFloat32(data)
  return data
}

/** The values as float32, rounded to nearest if necessary. For F32 the result is `data` itself. */
export function toFloat32(tensor: StoredTensor): Float32Array {
  const values = numbers(tensor)
  return values instanceof Float32Array ? values : Float32Array.from(values)
}

function bfloat16ToFloat32(bits: Numbers): Float32Array {
  const words = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) words[i] = (bits[i] as number) << 16
  return new Float32Array(words.buffer)
}

/** Converts IEEE 754 binary16, with subnormals, infinities and NaN payloads. */
function float16ToFloat32(bits: Numbers): Float32Array {
  const words = new Uint32Array(bits.length)
  const values = new Float32Array(words.buffer)
  for (let i = 0; i < bits.length; i++) {
    const half = bits[i] as number
    const sign = (half & 0x8000) << 16
    const magnitude = half & 0x7fff
    if (magnitude >= 0x7c00) words[i] = sign | 0x7f800000 | ((magnitude & 0x3ff) << 13)
    else if (magnitude >= 0x400) words[i] = sign | ((magnitude << 13) + 0x38000000)
    else values[i] = (sign ? -1 : 1) * magnitude * 2 ** -24
  }
  return values
}
