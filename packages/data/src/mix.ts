import { checkFields, type Field, type RandomStream } from "@vitrine/core"
import { floatAt } from "./at.ts"

/** Options for mixing the images of a batch, as timm's `Mixup` does in its "batch" mode. */
export interface Mix {
  /** α of mixup's Beta distribution (Zhang et al., 2017). Without it, or with 0, there is no mixup. */
  readonly mixup?: number
  /** α of CutMix's Beta distribution (Yun et al., 2019). Without it, or with 0, there is no CutMix. */
  readonly cutmix?: number
  /** The probability that a batch is mixed; 1 by default. */
  readonly p?: number
  /** The probability of CutMix if both are on; 0.5 by default. */
  readonly switchP?: number
}

/** The fields of `Mix` with their bounds. */
export const mixFields: Readonly<Record<keyof Mix, Field>> = {
  mixup: { kind: "number", from: 0, to: 100, optional: true },
  cutmix: { kind: "number", from: 0, to: 100, optional: true },
  p: { kind: "number", from: 0, to: 1, optional: true },
  switchP: { kind: "number", from: 0, to: 1, optional: true },
}

/** @throws VitrineError (config) for impossible options */
export function checkMix(mix: Mix): void {
  checkFields(mixFields, mix, "mix.")
}

/**
 * Mixes row i of a batch with row n − 1 − i in place. Images and targets are mixed with the same λ for the whole batch.
 * @param images [n, height, width, channels]
 * @param targets [n, classes]
 * @returns λ, the share of row i in the result; 1 if nothing was mixed
 */
export function mixBatch(
  images: Float32Array,
  targets: Float32Array,
  [n, height, width, channels]: readonly [number, number, number, number],
  mix: Mix,
  random: RandomStream,
): number {
  const { mixup = 0, cutmix = 0, p = 1, switchP = 0.5 } = mix
  if ((mixup === 0 && cutmix === 0) || random.uniform() >= p) return 1
  const cuts = cutmix > 0 && (mixup === 0 || random.uniform() < switchP)
  const alpha = cuts ? cutmix : mixup
  let lambda = beta(alpha, alpha, random)
  const size = height * width * channels
  if (cuts) {
    const share = Math.sqrt(1 - lambda)
    const [top, bottom] = interval(height, Math.trunc(height * share), random)
    const [left, right] = interval(width, Math.trunc(width * share), random)
    for (let i = 0; i < n >> 1; i++)
      for (let y = top; y < bottom; y++) {
        const a = i * size + (y * width + left) * channels
        const b = (n - 1 - i) * size + (y * width + left) * channels
        const length = (right - left) * channels
        const first = images.slice(a, a + length)
        images.copyWithin(a, b, b + length)
        images.set(first, b)
      }
    lambda = 1 - ((bottom - top) * (right - left)) / (height * width)
  } else blendRows(images, n, size, lambda)
  blendRows(targets, n, targets.length / n, lambda)
  return lambda
}

/** Row i becomes λ · row i + (1 − λ) · row n − 1 − i. */
function blendRows(rows: Float32Array, n: number, size: number, lambda: number): void {
  const rest = 1 - lambda
  for (let i = 0; i < n >> 1; i++)
    for (let k = 0, a = i * size, b = (n - 1 - i) * size; k < size; k++, a++, b++) {
      const x = floatAt(rows, a)
      const y = floatAt(rows, b)
      rows[a] = x * lambda + y * rest
      rows[b] = y * lambda + x * rest
    }
}

/** A stretch of about `length` around a random place, cut at the ends. */
function interval(extent: number, length: number, random: RandomStream): [number, number] {
  const center = random.integer(extent)
  const half = Math.floor(length / 2)
  return [Math.max(0, center - half), Math.min(extent, center + half)]
}

function beta(a: number, b: number, random: RandomStream): number {
  const x = gamma(a, random)
  const y = gamma(b, random)
  return x + y === 0 ? 0.5 : x / (x + y)
}

/** Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. */
function gamma(shape: number, random: RandomStream): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random.uniform()) ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = random.normal()
    const v = (1 + c * x) ** 3
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}
