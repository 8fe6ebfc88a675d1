import type { Interpolation } from "../resize/coefficients.ts"

/**
 * One step from an image to a model's input. It is plain data, so that it can be cloned to a worker thread and stored
 * with a run. Steps before `normalize` work on bytes, steps after it on floats. `fields.ts` has the table of the fields
 * of all steps.
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

/** Resizes with Pillow's bytes. */
export interface Resize {
  readonly op: "resize"
  /**
   * A number is the shortest side; the other side keeps the proportion and is rounded down. A pair is the exact size.
   */
  readonly size: number | Size
  /**
   * With a pair: whether the image keeps its proportion, at the smallest size that covers the pair or at the largest
   * that the pair contains. Sizes are rounded as in timm's ResizeKeepRatio. By default the proportion changes.
   */
  readonly fit?: "cover" | "contain"
  readonly interpolation: Interpolation
  /**
   * "float" keeps the numbers, as torchvision's resize of float tensors does. By default they are rounded to bytes, as by
   * Pillow.
   */
  readonly precision?: "float"
}

/** Cuts the middle out of an image, and pads where the image is smaller. */
export interface CenterCrop {
  readonly op: "centerCrop"
  readonly size: Size
  /** A byte for each channel, for places outside the image; 0 by default. */
  readonly fill?: readonly number[]
  /** The rounding of an offset of half a pixel: down, or towards zero. It is to even by default. */
  readonly rounding?: "down" | "zero"
  /** In place of the middle: the upper left part, or the whole of an image that must have the size already. */
  readonly place?: "corner" | "whole"
}

/** Cuts a random part of random size and proportion and resizes it, as torchvision does. */
export interface RandomResizedCrop {
  readonly op: "randomResizedCrop"
  readonly size: Size
  readonly scale: readonly [number, number]
  readonly ratio: readonly [number, number]
  readonly interpolation: Interpolation
}

/** Resizes an image somewhat larger than the crop and cuts at a random place. */
export interface RandomCrop {
  readonly op: "randomCrop"
  readonly size: Size
  /** The size to which both sides are first resized, as a multiple of the crop. The proportion may change. */
  readonly scale: number
  readonly interpolation: Interpolation
}

/** Turns bytes into numbers: (byte / 255 − mean) / std for each channel. */
export interface Normalize {
  readonly op: "normalize"
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** Replaces a random rectangle by noise, with probability p (Zhong et al., 2020). */
export interface RandomErasing {
  readonly op: "randomErasing"
  readonly p: number
  readonly scale: readonly [number, number]
  readonly ratio: readonly [number, number]
}

const square = (size: number | Size): Size => (typeof size === "number" ? [size, size] : size)

/**
 * Resizes to a shortest side, or to [height, width]: exactly, or with `fit` in proportion. The bytes are those of
 * Pillow's `Image.resize`. With `precision` "float" they are torchvision's numbers, and only crops and `normalize` may
 * follow.
 */
export function resize(
  size: number | Size,
  options: { interpolation?: Interpolation; fit?: "cover" | "contain"; precision?: "float" } = {},
): Transform {
  return { op: "resize", size, ...options, interpolation: options.interpolation ?? "bicubic" }
}

/**
 * The middle of the image. Places outside of the image become `fill`, by default 0. An offset of half a pixel is rounded to
 * even, as by torchvision's CenterCrop, or by `rounding` down or towards zero, as by Hugging Face's processors. `place` takes another part
 * than the middle.
 */
export function centerCrop(
  size: number | Size,
  options: { fill?: readonly number[]; rounding?: "down" | "zero"; place?: "corner" | "whole" } = {},
): Transform {
  return { op: "centerCrop", size: square(size), ...options }
}

/**
 * Crops a part with random area (`scale`, a fraction of the image) and aspect ratio (`ratio`, width to height), and
 * resizes it: the augmentation of Inception (Szegedy et al., 2014), as torchvision draws it.
 */
export function randomResizedCrop(
  size: number | Size,
  options: { scale?: readonly [number, number]; ratio?: readonly [number, number]; interpolation?: Interpolation } = {},
): Transform {
  const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3], interpolation = "bicubic" } = options
  return { op: "randomResizedCrop", size: square(size), scale, ratio, interpolation }
}

/**
 * Resizes both sides of the image to `scale` times a size, 1 or more, and crops a part of that size at a random place.
 */
export function randomCrop(
  size: number | Size,
  options: { scale?: number; interpolation?: Interpolation } = {},
): Transform {
  const { scale = 1.25, interpolation = "bicubic" } = options
  return { op: "randomCrop", size: square(size), scale, interpolation }
}

/** Moves the image by up to `pad` pixels in both directions. Places outside the image become 0. */
export function padCrop(pad: number): Transform {
  return { op: "padCrop", pad }
}

/** Mirrors left and right with probability `p`. */
export function flip(p = 0.5): Transform {
  return { op: "flip", p }
}

/**
 * `n` random operations with one `magnitude` from 0 to 10 (Cubuk et al., "RandAugment", 2019), as timm's `rand-m9-n2`.
 */
export function randAugment(n = 2, magnitude = 9): Transform {
  return { op: "randAugment", n, magnitude }
}

/** Makes one channel from three, with Pillow's weights (ITU-R 601-2). */
export function grayscale(): Transform {
  return { op: "grayscale" }
}

/** Makes three channels from one, or drops alpha. */
export function toRgb(): Transform {
  return { op: "toRgb" }
}

/** (x / 255 − mean) / std for each channel. One number counts for all channels. */
export function normalize(mean: readonly number[] | number, std: readonly number[] | number): Transform {
  return { op: "normalize", mean: [mean].flat(), std: [std].flat() }
}

/** Sets a random rectangle to 0, the mean, with probability `p` (Zhong et al., 2017). It must follow `normalize`. */
export function randomErasing(
  p = 0.25,
  options: { scale?: readonly [number, number]; ratio?: readonly [number, number] } = {},
): Transform {
  const { scale = [0.02, 1 / 3], ratio = [0.3, 1 / 0.3] } = options
  return { op: "randomErasing", p, scale, ratio }
}

/** timm's transforms for evaluation: shortest side floor(size / cropPct), centre crop, normalise. */
export function evaluationTransform(
  size: number,
  options: { cropPct?: number; interpolation?: Interpolation; mean?: readonly number[]; std?: readonly number[] } = {},
): Transform[] {
  const { cropPct = 0.9, interpolation = "bicubic", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] } = options
  return [resize(Math.floor(size / cropPct), { interpolation }), centerCrop(size), normalize(mean, std)]
}
