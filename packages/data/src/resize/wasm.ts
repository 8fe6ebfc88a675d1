import type { Coefficients } from "./coefficients.ts"
import { type Passes, plainPasses } from "./plain.ts"
import { wasmBinary } from "./wasm-binary.ts"

type Columns = [
  source: number,
  target: number,
  bounds: number,
  weights: number,
  rows: number,
  inWidth: number,
  outWidth: number,
]

interface Exports {
  readonly memory: WebAssembly.Memory
  horizontal(...args: [...Columns, channels: number, pairs: number]): void
  horizontalGray(...args: [...Columns, groups: number]): void
  vertical(
    ...args: [
      source: number,
      target: number,
      bounds: number,
      weights: number,
      rowBytes: number,
      outRows: number,
      pairs: number,
    ]
  ): void
}

/** The sizes or the starts of source, target, bounds and weights in memory. */
type Regions = readonly [source: number, target: number, bounds: number, weights: number]

/** The first byte that is free. The module owns the memory below. */
const firstRegion = 1024

let passes: Passes | undefined

/** The passes in WebAssembly SIMD, or in plain TypeScript if the engine lacks it. */
export function wasmPasses(): Passes {
  passes ??= compile() ?? plainPasses
  return passes
}

function compile(): Passes | undefined {
  try {
    const bytes = Uint8Array.from(atob(wasmBinary), (letter) => letter.charCodeAt(0))
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
    return fromExports(exports as unknown as Exports)
  } catch {
    return undefined
  }
}

function fromExports({ memory, horizontal, horizontalGray, vertical }: Exports): Passes {
  // Regions start at multiples of 16. Vectors read and write some bytes beyond the ends of their data.
  const layout = ([a, b, c, d]: Regions): Regions => {
    const room = (size: number): number => (size + 63) & ~15
    const second = firstRegion + room(a)
    const third = second + room(b)
    const fourth = third + room(c)
    const missing = fourth + room(d) - memory.buffer.byteLength
    if (missing > 0) memory.grow(Math.ceil(missing / 65536))
    return [firstRegion, second, third, fourth]
  }
  return {
    horizontal(source, rows, firstColumn, inWidth, channels, coefficients) {
      const outWidth = coefficients.bounds.length / 2
      const group = channels === 1 ? 8 : 2
      const weights = splitWeights(coefficients, group)
      const size = rows * outWidth * channels
      const [at0, at1, at2, at3] = layout([
        source.length + coefficients.taps * channels + 16,
        size,
        outWidth * 4,
        weights.byteLength,
      ])
      const bytes = new Uint8Array(memory.buffer)
      bytes.set(source, at0)
      new Int32Array(memory.buffer, at2, outWidth).set(starts(coefficients, firstColumn))
      new Int16Array(memory.buffer, at3, weights.length).set(weights)
      const groups = Math.ceil(coefficients.taps / group)
      if (channels === 1) horizontalGray(at0, at1, at2, at3, rows, inWidth, outWidth, groups)
      else horizontal(at0, at1, at2, at3, rows, inWidth, outWidth, channels, groups)
      return bytes.slice(at1, at1 + size)
    },
    vertical(source, firstRow, rowBytes, coefficients) {
      const outRows = coefficients.bounds.length / 2
      const weights = splitWeights(coefficients, 2)
      const size = outRows * rowBytes
      const [at0, at1, at2, at3] = layout([
        source.length + (coefficients.taps + 1) * rowBytes + 16,
        size,
        outRows * 4,
        weights.byteLength,
      ])
      const bytes = new Uint8Array(memory.buffer)
      bytes.set(source, at0)
      new Int32Array(memory.buffer, at2, outRows).set(starts(coefficients, firstRow))
      new Int16Array(memory.buffer, at3, weights.length).set(weights)
      vertical(at0, at1, at2, at3, rowBytes, outRows, Math.ceil(coefficients.taps / 2))
      return bytes.slice(at1, at1 + size)
    },
  }
}

function starts({ bounds }: Coefficients, first: number): Int32Array {
  return bounds.filter((_, i) => i % 2 === 0).map((start) => start - first)
}

/** The parts of weights in groups of each size. Weights are often used again. */
const parts = new WeakMap<Coefficients, Map<number, Int16Array>>()

/**
 * Divides weights into low and high parts of 16 bits. Each `group` of low parts stands before its `group` of high
 * parts. The end is filled with zeros.
 */
function splitWeights(coefficients: Coefficients, group: number): Int16Array {
  const ofGroups = parts.get(coefficients) ?? new Map<number, Int16Array>()
  parts.set(coefficients, ofGroups)
  const split = ofGroups.get(group) ?? computeParts(coefficients, group)
  ofGroups.set(group, split)
  return split
}

function computeParts({ taps, weights, bounds }: Coefficients, group: number): Int16Array {
  const groups = Math.ceil(taps / group)
  const out = new Int16Array((bounds.length / 2) * groups * group * 2)
  let i = 0
  let k = 0
  for (const weight of weights) {
    const place = (i * groups + Math.trunc(k / group)) * group * 2 + (k % group)
    out[place] = weight & 0x7fff
    out[place + group] = weight >> 15
    if (++k === taps) {
      k = 0
      i++
    }
  }
  return out
}
