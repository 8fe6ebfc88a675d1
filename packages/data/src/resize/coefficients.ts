import { rowNames } from "@vitrine/core"

/** The fixed-point weights of one axis. */
export interface Coefficients {
  /** The greatest number of source pixels for an output pixel. */
  readonly taps: number
  /** For each output pixel the first source pixel and the number of source pixels: [size, 2]. */
  readonly bounds: Int32Array
  /** Weights times 2^22, [size, taps]. Unused weights are zero. */
  readonly weights: Int32Array
}

/** The number of bits after the point: 8 of the 32 bits are for the result, 2 for overshoot. */
export const precisionBits: number = 32 - 8 - 2

/** Pillow has these two constants in single precision. */
const hamming = [Math.fround(0.54), Math.fround(0.46)] as const

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI))

/**
 * The antialiased filters of Pillow's `Image.resize`. Each reaches `support` pixels from its centre, or more if the
 * image is reduced. To add a filter, add a row. Types and checks follow from this table.
 */
export const filters = {
  box: { support: 0.5, weight: (x: number): number => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x: number): number => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    weight: (x: number): number => {
      const a = Math.abs(x)
      if (a === 0) return 1
      if (a >= 1) return 0
      return (Math.sin(a * Math.PI) / (a * Math.PI)) * (hamming[0] + hamming[1] * Math.cos(a * Math.PI))
    },
  },
  bicubic: {
    support: 2,
    weight: (x: number): number => {
      const a = -0.5
      const t = Math.abs(x)
      if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1
      if (t < 2) return (((t - 5) * t + 8) * t - 4) * a
      return 0
    },
  },
  lanczos: { support: 3, weight: (x: number): number => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
}

/** The filters of Pillow's `Image.resize`. All except `nearest` are antialiased. */
export type Interpolation = "nearest" | keyof typeof filters

/** The interpolations of `resize`, with Pillow's filters. */
export const interpolations: readonly Interpolation[] = ["nearest", ...rowNames(filters)]

/** The weights that were computed last. Images of a data set often have one size. */
const latest = new Map<string, Coefficients>()
const mostLatest = 16

/**
 * The weights for resizing `inSize` pixels to `outSize`, as Pillow computes them (`src/libImaging/Resample.c`), for the
 * output pixels `first` … `first + count − 1`. Equal arguments may give the same object.
 */
export function coefficients(
  inSize: number,
  outSize: number,
  interpolation: keyof typeof filters,
  first: number,
  count: number,
): Coefficients {
  const key = `${interpolation} ${inSize} ${outSize} ${first} ${count}`
  const earlier = latest.get(key)
  if (earlier !== undefined) return earlier
  const computed = computeCoefficients(inSize, outSize, interpolation, first, count)
  latest.set(key, computed)
  const [oldest = key] = latest.keys()
  if (latest.size > mostLatest) latest.delete(oldest)
  return computed
}

function computeCoefficients(
  inSize: number,
  outSize: number,
  interpolation: keyof typeof filters,
  first: number,
  count: number,
): Coefficients {
  const { support: unit, weight } = filters[interpolation]
  const scale = inSize / outSize
  const stretch = Math.max(scale, 1)
  const support = unit * stretch
  const taps = Math.ceil(support) * 2 + 1
  const inverse = 1 / stretch
  const bounds = new Int32Array(count * 2)
  const weights = new Int32Array(count * taps)
  const row = new Float64Array(taps)
  for (let i = 0; i < count; i++) {
    const center = (first + i + 0.5) * scale
    const from = Math.max(0, Math.trunc(center - support + 0.5))
    const n = Math.min(inSize, Math.trunc(center + support + 0.5)) - from
    let sum = 0
    for (let x = 0; x < n; x++) {
      const w = weight((x + from - center + 0.5) * inverse)
      row[x] = w
      sum += w
    }
    let place = i * taps
    for (const w of row.subarray(0, n)) {
      const share = sum === 0 ? w : w / sum
      weights[place++] = Math.trunc((share < 0 ? -0.5 : 0.5) + share * 2 ** precisionBits)
    }
    bounds[2 * i] = from
    bounds[2 * i + 1] = n
  }
  return { taps, bounds, weights }
}
