import { elementCount, type HostData, type TensorType, VitrineError } from "@vitrine/core"

export type Elements = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>

/** Zeros to hold a tensor on the host: float16 and bfloat16 stand as float32. */
export function zeros({ shape, dtype }: TensorType): Elements {
  const n = elementCount(shape)
  if (dtype === "int32") return new Int32Array(n)
  return dtype === "bool" ? new Uint8Array(n) : new Float32Array(n)
}

/**
 * `data` as the array that an engine takes for this type, checked. Float64Array is rounded.
 * @throws VitrineError (backend) for the wrong kind of array or number of values.
 */
export function checked(what: string, { shape, dtype }: TensorType, data: HostData | undefined): Elements {
  const n = elementCount(shape)
  const found = data === undefined ? "nothing" : `${data.constructor.name} of ${data.length}`
  const [kind, fits] =
    dtype === "int32"
      ? ["Int32Array", data instanceof Int32Array]
      : dtype === "bool"
        ? ["Uint8Array", data instanceof Uint8Array]
        : ["Float32Array", data instanceof Float32Array || data instanceof Float64Array]
  if (data === undefined || !fits || data.length !== n)
    throw new VitrineError("backend", `${what} needs a ${kind} of ${n} (${dtype} [${shape.join(", ")}]), got ${found}`)
  if (data instanceof Float64Array) return Float32Array.from(data)
  const shared = typeof SharedArrayBuffer !== "undefined" && data.buffer instanceof SharedArrayBuffer
  return (shared ? data.slice() : data) as Elements
}
