import type { Coefficients } from "./coefficients.ts"
import { type ColumnsPass, type Passes, plainPasses, type RowsPass } from "./plain.ts"
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
  normalize(source: number, target: number, means: number, count: number): void
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

function fromExports({ memory, horizontal, horizontalGray, vertical, normalize }: Exports): Passes {
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
  /** Where the result of the last pass begins. */
  let lastAt = 0
  /** Puts bytes and the weights of a pass into memory. If `source` is a number, it is the size of the last result. */
  const prepare = (
    source: Uint8Array | number,
    spare: number,
    size: number,
    first: number,
    coefficients: Coefficients,
    group: number,
  ): Regions => {
    const weights = splitWeights(coefficients, group)
    const starts = startsOf(coefficients, first)
    const length = typeof source === "number" ? source : source.length
    const regions = layout([length + spare + 16, size, starts.byteLength, weights.byteLength])
    const [from, to, bounds, weightsAt] = regions
    const bytes = new Uint8Array(memory.buffer)
    if (typeof source === "number") bytes.copyWithin(from, lastAt, lastAt + source)
    else bytes.set(source, from)
    new Int32Array(memory.buffer, bounds, starts.length).set(starts)
    new Int16Array(memory.buffer, weightsAt, weights.length).set(weights)
    lastAt = to
    return regions
  }
  const columns = (source: Uint8Array | number, { rows, inWidth, channels, first, weights }: ColumnsPass): number => {
    const outWidth = weights.bounds.length / 2
    const group = channels === 1 ? 8 : 2
    const size = rows * outWidth * channels
    const regions = prepare(source, weights.taps * channels, size, first, weights, group)
    const groups = Math.ceil(weights.taps / group)
    if (channels === 1) horizontalGray(...regions, rows, inWidth, outWidth, groups)
    else horizontal(...regions, rows, inWidth, outWidth, channels, groups)
    return size
  }
  const rows = (source: Uint8Array | number, { rowBytes, first, weights }: RowsPass): number => {
    const outRows = weights.bounds.length / 2
    const size = outRows * rowBytes
    vertical(
      ...prepare(source, (weights.taps + 1) * rowBytes, size, first, weights, 2),
      rowBytes,
      outRows,
      Math.ceil(weights.taps / 2),
    )
    return size
  }
  return {
    apply(source, passes) {
      let size: number | undefined
      for (const pass of passes) {
        const from = size ?? source
        size = pass.makes === "rows" ? rows(from, pass) : columns(from, pass)
      }
      return size === undefined ? source : new Uint8Array(memory.buffer).slice(lastAt, lastAt + size)
    },
    normalize(source, { mean, std }, out, offset) {
      const { length } = source
      const [at0, at1, at2] = layout([length, length * 4, 24 * 4, 0])
      new Uint8Array(memory.buffer).set(source, at0)
      const scales = new Float32Array(memory.buffer, at2, 24)
      for (let i = 0; i < 12; i++) {
        scales[i] = mean[i % mean.length] ?? 0
        scales[12 + i] = std[i % std.length] ?? 1
      }
      normalize(at0, at1, at2, length)
      out.set(new Float32Array(memory.buffer, at1, length), offset)
    },
  }
}

function startsOf({ bounds }: Coefficients, first: number): Int32Array {
  const list = new Int32Array(bounds.length / 2)
  for (let i = 0; i < list.length; i++) list[i] = (bounds[2 * i] ?? 0) - first
  return list
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
