import { type DType, type HostData, type TensorType, VitrineError } from "@vitrine/core"
import { elementCount, showShape } from "@vitrine/core/backend"

export type Elements = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>

/** The array types of tensors on the host. float16 and bfloat16 are float32 there. */
const arrays = {
  float32: Float32Array,
  float16: Float32Array,
  bfloat16: Float32Array,
  int32: Int32Array,
  bool: Uint8Array,
} as const satisfies Record<DType, unknown>

/** An array of zeros for a tensor on the host. */
export function zeros({ shape, dtype }: TensorType): Elements {
  return new arrays[dtype](elementCount(shape))
}

/** Whether an engine accepts the array without conversion. */
export function isElements(data: unknown): data is Elements {
  const typed = data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array
  return typed && data.buffer instanceof ArrayBuffer
}

/**
 * Checks `data` and converts them to the array that an engine accepts for this type. Float64Array is rounded.
 * @throws VitrineError (backend) for the wrong kind of array or number of values.
 */
export function checkedElements(name: string, { shape, dtype }: TensorType, data: HostData | undefined): Elements {
  const n = elementCount(shape)
  const kind = arrays[dtype]
  const rounds = kind === Float32Array && data instanceof Float64Array
  if (data === undefined || !(rounds || data instanceof kind) || data.length !== n) {
    const actual = data === undefined ? "nothing" : `${data.constructor.name} of ${data.length}`
    throw new VitrineError(
      "backend",
      `${name} needs a ${kind.name} of ${n} (${dtype} ${showShape(shape)}), got ${actual}`,
    )
  }
  if (data instanceof Float64Array) return Float32Array.from(data)
  // Engines do not accept shared memory.
  return isElements(data) ? data : data.slice()
}
