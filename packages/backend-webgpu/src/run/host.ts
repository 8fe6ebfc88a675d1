import type { HostData, TensorType } from "@vitrine/core"
import { elementCount, showShape } from "@vitrine/core/backend"
import type { HostDType } from "../plan/tensor.ts"
import { fail } from "./gpu.ts"

/**
 * Checks the values of an input, a constant or a slot, and returns them.
 * @throws VitrineError (backend) if they are missing, have another type, or do not fill the shape
 */
export function checked(name: string, data: HostData | undefined, type: TensorType): HostData {
  const count = elementCount(type.shape)
  const [kind, fits] =
    type.dtype === "int32"
      ? ["Int32Array", data instanceof Int32Array]
      : type.dtype === "bool"
        ? ["Uint8Array", data instanceof Uint8Array]
        : ["Float32Array", data instanceof Float32Array || data instanceof Float64Array]
  if (data !== undefined && fits && data.length === count) return data
  const actual = data === undefined ? "nothing" : `${data.constructor.name} of ${data.length}`
  return fail(`${name} needs a ${kind} of ${count} (${type.dtype} ${showShape(type.shape)}), got ${actual}`)
}

/** Writes values into memory in the device's format. */
export function pack(data: HostData, into: ArrayBuffer, offset: number): void {
  if (data instanceof Int32Array) new Int32Array(into, offset, data.length).set(data)
  else if (data instanceof Uint8Array) new Uint32Array(into, offset, data.length).set(data)
  else new Float32Array(into, offset, data.length).set(data)
}

/** Copies values out of memory in the device's format. */
export function unpack(from: ArrayBuffer, offset: number, count: number, dtype: HostDType): HostData {
  if (dtype === "int32") return new Int32Array(from, offset, count).slice()
  if (dtype === "bool") return Uint8Array.from(new Uint32Array(from, offset, count))
  return new Float32Array(from, offset, count).slice()
}
