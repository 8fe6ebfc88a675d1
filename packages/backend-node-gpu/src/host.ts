import { closeSync, openSync, readSync } from "node:fs"
import { elementCount, type FileSlice, type HostData, showShape, type TensorType, VitrineError } from "@vitrine/core"
import { type Binding, dataTypes } from "./binding.ts"
import type { Elements } from "./graph-def.ts"

export function fail(message: string): never {
  throw new VitrineError("backend", `tfjs-node: ${message}`)
}

/** The values, if they are there and fill the shape. */
export function checked(what: string, data: HostData | undefined, { shape }: TensorType): HostData {
  if (data === undefined) return fail(`${what} is missing`)
  const size = elementCount(shape)
  if (data.length !== size) fail(`${what} needs ${size} values for ${showShape(shape)}, got ${data.length}`)
  return data
}

/** Storage in half precision is float32 on the host and on its way. */
const carriers = {
  float32: Float32Array,
  float16: Float32Array,
  bfloat16: Float32Array,
  int32: Int32Array,
  bool: Uint8Array,
} as const

/** The number of a tensor with a copy of the values; the caller frees it. */
export function upload(binding: Binding, data: HostData, { shape, dtype }: TensorType): number {
  const Carrier = carriers[dtype]
  const values: Elements = data instanceof Carrier ? data : new Carrier(data)
  return binding.createTensor(
    shape as number[],
    dataTypes[dtype === "int32" || dtype === "bool" ? dtype : "float32"],
    values,
  )
}

/** A copy of a tensor's values. */
export function download(binding: Binding, id: number, { dtype }: TensorType): HostData {
  const data = binding.tensorDataSync(id)
  return data instanceof carriers[dtype] ? data : new carriers[dtype](data)
}

/** The float32 values of one or several parts of files, one after the other. @throws VitrineError (file) */
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

/** The values of a float32 tensor in a file. */
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
