import { VitrineError } from "@vitrine/core"
import type { Interpolation } from "../resize/coefficients.ts"

/**
 * One step from an image to a model's input. Plain data: it can be cloned to a worker thread and written down with a run.
 * Steps work on bytes up to `normalize`, and on its floats after it.
 */
export type Transform =
  | Resize
  | CenterCrop
  | RandomResizedCrop
  | RandomCrop
  | { readonly op: "padCrop"; readonly pad: number }
  | { readonly op: "flip"; readonly p: number }
  | { readonly op: "randAugment"; readonly n: number; readonly magnitude: number }
  | { readonly op: "grayscale" }
  | { readonly op: "toRgb" }
  | Normalize
  | RandomErasing

/** [height, width]. */
export type Size = readonly [number, number]

export interface Resize {
  readonly op: "resize"
  /** A number: the shortest side, the other in proportion and rounded down. A pair: exactly this. */
  readonly size: number | Size
  /**
   * What a pair means in place of exactly this: the smallest size in proportion that covers it, or the largest that it
   * contains, rounded as timm's ResizeKeepRatio.
   */
  readonly fit?: "cover" | "contain"
  readonly interpolation: Interpolation
}

export interface CenterCrop {
  readonly op: "centerCrop"
  readonly size: Size
  /** A byte a channel for what is missing; 0 by default. */
  readonly fill?: readonly number[]
  /** Where an offset of half a pixel goes; by default to the even one. */
  readonly rounding?: "down"
}

export interface RandomResizedCrop {
  readonly op: "randomResizedCrop"
  readonly size: Size
  readonly scale: readonly [number, number]
  readonly ratio: readonly [number, number]
  readonly interpolation: Interpolation
}

export interface RandomCrop {
  readonly op: "randomCrop"
  readonly size: Size
  /** How many times larger the image is made first, both sides, whatever their ratio. */
  readonly scale: number
  readonly interpolation: Interpolation
}

export interface Normalize {
  readonly op: "normalize"
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

export interface RandomErasing {
  readonly op: "randomErasing"
  readonly p: number
  readonly scale: readonly [number, number]
  readonly ratio: readonly [number, number]
}

const square = (size: number | Size): Size => (typeof size === "number" ? [size, size] : size)

/**
 * Resizes to a shortest side, or to [height, width]: exactly, or by `fit` in proportion; with the bytes of Pillow's
 * `Image.resize`.
 */
export function resize(
  size: number | Size,
  options: { interpolation?: Interpolation; fit?: "cover" | "contain" } = {},
): Transform {
  return { op: "resize", size, ...options, interpolation: options.interpolation ?? "bicubic" }
}

/**
 * The middle of the image; what is missing is `fill`, by default 0. A middle between two pixels is rounded to the even
 * offset, as torchvision's CenterCrop does, or by `rounding` to the upper and left, as Hugging Face's processors do.
 */
export function centerCrop(
  size: number | Size,
  options: { fill?: readonly number[]; rounding?: "down" } = {},
): Transform {
  return { op: "centerCrop", size: square(size), ...options }
}

/**
 * A part of random area (`scale`, a fraction of the image) and aspect (`ratio`, width to height), resized: the augmentation
 * of Inception (Szegedy et al., 2014), as torchvision draws it.
 */
export function randomResizedCrop(
  size: number | Size,
  options: { scale?: readonly [number, number]; ratio?: readonly [number, number]; interpolation?: Interpolation } = {},
): Transform {
  const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3], interpolation = "bicubic" } = options
  return { op: "randomResizedCrop", size: square(size), scale, ratio, interpolation }
}

/** The image squashed to `scale` times a size, 1 or more, and a part of that size out of it, anywhere. */
export function randomCrop(
  size: number | Size,
  options: { scale?: number; interpolation?: Interpolation } = {},
): Transform {
  const { scale = 1.25, interpolation = "bicubic" } = options
  return { op: "randomCrop", size: square(size), scale, interpolation }
}

/** Moves the image by up to `pad` pixels each way; what comes in is 0. */
export function padCrop(pad: number): Transform {
  return { op: "padCrop", pad }
}

/** Mirrors left and right with probability `p`. */
export function flip(p = 0.5): Transform {
  return { op: "flip", p }
}

/** `n` random operations of one `magnitude` from 0 to 10 (Cubuk et al., "RandAugment", 2019), as timm's `rand-m9-n2`. */
export function randAugment(n = 2, magnitude = 9): Transform {
  return { op: "randAugment", n, magnitude }
}

/** One channel from three, with Pillow's weights (ITU-R 601-2). */
export function grayscale(): Transform {
  return { op: "grayscale" }
}

/** Three channels from one, or from four by dropping alpha. */
export function toRgb(): Transform {
  return { op: "toRgb" }
}

/** (x / 255 − mean) / std, by channel; one number stands for all channels. */
export function normalize(mean: readonly number[] | number, std: readonly number[] | number): Transform {
  return { op: "normalize", mean: [mean].flat(), std: [std].flat() }
}

/** Sets a random rectangle to 0, the mean, with probability `p` (Zhong et al., 2017). Goes after `normalize`. */
export function randomErasing(
  p = 0.25,
  options: { scale?: readonly [number, number]; ratio?: readonly [number, number] } = {},
): Transform {
  const { scale = [0.02, 1 / 3], ratio = [0.3, 1 / 0.3] } = options
  return { op: "randomErasing", p, scale, ratio }
}

/** What timm does before evaluating: shortest side floor(size / cropPct), centre crop, normalise. */
export function evaluationTransform(
  size: number,
  options: { cropPct?: number; interpolation?: Interpolation; mean?: readonly number[]; std?: readonly number[] } = {},
): Transform[] {
  const { cropPct = 0.9, interpolation = "bicubic", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] } = options
  return [resize(Math.floor(size / cropPct), { interpolation }), centerCrop(size), normalize(mean, std)]
}

/** Throws a VitrineError that names the first step that makes no sense. */
export function checkTransforms(transforms: readonly Transform[]): void {
  let normalized = false
  for (const [at, step] of transforms.entries()) {
    const expect = (holds: boolean, fault: string): void => {
      if (!holds)
        throw new VitrineError("config", `transform ${at} (${step.op}): ${fault}, got ${JSON.stringify(step)}`)
    }
    const extent = (n: unknown): boolean => Number.isInteger(n) && (n as number) >= 1 && (n as number) <= 16384
    const sizes = (size: Size): boolean => Array.isArray(size) && size.length === 2 && size.every(extent)
    const bytes = (fill: readonly number[]): boolean =>
      Array.isArray(fill) && fill.every((n) => Number.isInteger(n) && n >= 0 && n <= 255)
    const probability = (p: number): boolean => p >= 0 && p <= 1
    const range = ([low, high]: readonly [number, number]): boolean => low > 0 && high >= low && high < 1e6
    const filters = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
    switch (step.op) {
      case "resize":
        expect(extent(step.size) || sizes(step.size as Size), "size must be a whole number or [height, width]")
        expect(filters.includes(step.interpolation), `interpolation must be one of ${filters.join(", ")}`)
        if (step.fit !== undefined) {
          expect(["cover", "contain"].includes(step.fit), "fit must be cover or contain")
          expect(typeof step.size !== "number", "fit needs a size of [height, width]")
        }
        break
      case "centerCrop":
        expect(sizes(step.size), "size must be [height, width]")
        if (step.fill !== undefined) expect(bytes(step.fill), "fill must be bytes, one a channel")
        expect(step.rounding === undefined || step.rounding === "down", 'rounding must be "down" or left out')
        break
      case "randomResizedCrop":
        expect(sizes(step.size), "size must be [height, width]")
        expect(range(step.scale) && step.scale[1] <= 1, "scale must be a range within (0, 1]")
        expect(range(step.ratio), "ratio must be a positive range")
        expect(filters.includes(step.interpolation), `interpolation must be one of ${filters.join(", ")}`)
        break
      case "randomCrop":
        expect(sizes(step.size), "size must be [height, width]")
        expect(step.scale >= 1 && step.scale <= 8, "scale must be from 1 to 8")
        expect(filters.includes(step.interpolation), `interpolation must be one of ${filters.join(", ")}`)
        break
      case "padCrop":
        expect(Number.isInteger(step.pad) && step.pad >= 0 && step.pad <= 16384, "pad must be a whole number")
        break
      case "flip":
        expect(probability(step.p), "p must be in [0, 1]")
        break
      case "randAugment":
        expect(Number.isInteger(step.n) && step.n >= 0 && step.n <= 16, "n must be a whole number up to 16")
        expect(step.magnitude >= 0 && step.magnitude <= 10, "magnitude must be in [0, 10]")
        break
      case "normalize":
        expect(!normalized, "normalises twice")
        expect(
          step.mean.length === step.std.length && [1, 3].includes(step.mean.length),
          "mean and std must have 1 or 3 numbers each",
        )
        expect([...step.mean, ...step.std].every(Number.isFinite), "mean and std must be finite")
        expect(!step.std.includes(0), "std must not be 0")
        break
      case "randomErasing":
        expect(probability(step.p), "p must be in [0, 1]")
        expect(range(step.scale) && step.scale[1] <= 1, "scale must be a range within (0, 1]")
        expect(range(step.ratio), "ratio must be a positive range")
        break
      case "grayscale":
      case "toRgb":
        break
      default:
        throw new VitrineError(
          "config",
          `transform ${at}: there is no operation ${JSON.stringify((step as { op: unknown }).op)}`,
        )
    }
    if (step.op === "normalize") normalized = true
    else if (step.op === "randomErasing") expect(normalized, "must come after normalize")
    else expect(!normalized, "must come before normalize")
  }
}
