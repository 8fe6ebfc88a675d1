import { closeSync, openSync, readSync } from "node:fs"
import { type DType, type FileSlice, type HostData, type TensorType, VitrineError } from "@vitrine/core"
import { bindDim } from "@vitrine/core/backend"
import { type Binding, dataTypes } from "./binding.ts"
import type { Elements } from "./graph-def.ts"

/** The name of the backend at the beginning of its messages. */
export const backendName = "tfjs-node"

export function fail(message: string): never {
  throw new VitrineError("backend", `${backendName}: ${message}`)
}

/** The array types and data types with which values reach TensorFlow. float16 and bfloat16 are sent as float32. */
const carriers = {
  float32: { array: Float32Array, type: dataTypes.float32 },
  float16: { array: Float32Array, type: dataTypes.float32 },
  bfloat16: { array: Float32Array, type: dataTypes.float32 },
  int32: { array: Int32Array, type: dataTypes.int32 },
  bool: { array: Uint8Array, type: dataTypes.bool },
} as const satisfies Record<DType, unknown>

/** Makes a tensor with a copy of the values and returns its number. The caller frees it. */
export function upload(binding: Binding, data: HostData, { shape, dtype }: TensorType): number {
  const { array: Carrier, type } = carriers[dtype]
  const values: Elements = data instanceof Carrier ? data : new Carrier(data)
  const sizes = shape.map((dim) => bindDim(dim))
  return binding.createTensor(sizes, type, values)
}

/** Copies a tensor's values. */
export function download(binding: Binding, id: number, { dtype }: TensorType): HostData {
  const data = binding.tensorDataSync(id)
  const { array: Carrier } = carriers[dtype]
  return data instanceof Carrier ? data : new Carrier(data)
}

/**
 * Reads the float32 values of a part of a file, or of several parts in order.
 * @throws VitrineError (backend) for a file that is too short.
 */
export function readSlices(slices: FileSlice | readonly FileSlice[]): Float32Array {
  if ("path" in slices) return readSlice(slices)
  const parts = slices.map(readSlice)
  const all = new Float32Array(parts.reduce((total, { length }) => total + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Reads the values of a float32 tensor from a file. */
function readSlice({ path, offset, length }: FileSlice): Float32Array {
  const bytes = Buffer.from(new ArrayBuffer(length))
  const file = openSync(path, "r")
  try {
    const read = readSync(file, bytes, 0, length, offset)
    if (read !== length) fail(`${path} ends after ${offset + read} bytes, within a tensor`)
  } finally {
    closeSync(file)
  }
  return new Float32Array(bytes.buffer)
}
