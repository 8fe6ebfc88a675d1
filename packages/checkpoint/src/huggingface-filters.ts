import type { Preprocessing } from "./preprocessing.ts"

/** Interpolations in the order of Pillow's numbers. A `preprocessor_config.json` has these numbers. */
export const pillowFilters: readonly Preprocessing["interpolation"][] = [
  "nearest",
  "lanczos",
  "bilinear",
  "bicubic",
  "box",
  "hamming",
]
