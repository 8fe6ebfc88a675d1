import type { HostData, HostTensor } from "@vitrine/core"
import { entryOf } from "../checked.ts"

/** A float32 tensor that the worker sends to the page. */
export interface Values {
  readonly data: Float32Array
  readonly shape: readonly number[]
}

/**
 * One output of a program.
 * @throws RangeError or TypeError if it is missing or not float32
 */
export function valuesOf(outputs: Readonly<Record<string, HostTensor>>, name: string): Values {
  const { data, shape } = entryOf(outputs, name)
  return { data: floats(data), shape }
}

/**
 * The data of a float32 tensor.
 * @throws TypeError for another dtype
 */
export function floats(data: HostData): Float32Array {
  if (data instanceof Float32Array) return data
  throw new TypeError(`float32 values were expected, not ${data.constructor.name}`)
}
