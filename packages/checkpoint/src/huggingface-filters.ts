import type { Preprocessing } from "./preprocessing.ts"

/** Interpolations in the order of Pillow's numbers, which a `preprocessor_config.json` has for them. */
export const pillowFilters: readonly Preprocessing["interpolation"][] = [
  "nearest",
  "lanczos",
  "bilinear",
  "bicubic",
  "box",
  "hamming",
]
