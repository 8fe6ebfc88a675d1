import type { HostData, HostTensor } from "@vitrine/core"
import { entryOf } from "../checked.ts"

/** A tensor that the worker sends to the page. */
export interface Values {
  readonly data: Float32Array
  readonly shape: readonly number[]
}

/**
 * One output of a program.
 * @throws RangeError or TypeError if it is missing or holds whole numbers
 */
export function valuesOf(outputs: Readonly<Record<string, HostTensor>>, name: string): Values {
  const { data, shape } = entryOf(outputs, name)
  return { data: floats(data), shape }
}

/**
 * The data of a tensor of floats, in float32. The reference backend has float64.
 * @throws TypeError for another dtype
 */
export function floats(data: HostData): Float32Array {
  if (data instanceof Float32Array) return data
  if (data instanceof Float64Array) return Float32Array.from(data)
  throw new TypeError(`floats were expected, not ${data.constructor.name}`)
}
