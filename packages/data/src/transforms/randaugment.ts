import type { RandomStream } from "@vitrine/core"
import { at } from "../at.ts"
import type { Image } from "../image.ts"
import {
  adjustBrightness,
  adjustColor,
  adjustContrast,
  adjustSharpness,
  affine,
  autoContrast,
  equalize,
  invert,
  posterize,
  solarize,
  solarizeAdd,
} from "./enhance.ts"
import { toThree } from "./geometry.ts"

/** An operation with a strength from 0 to 1. `sign` is −1 or 1. */
type Operation = (image: Image, strength: number, sign: number) => Image

const shear = (image: Image, x: number, y: number): Image => affine(image, [1, x, 0, y, 1, 0])
const move = (image: Image, x: number, y: number): Image =>
  affine(image, [1, 0, x * image.width, 0, 1, y * image.height])

function rotate(image: Image, degrees: number): Image {
  const angle = (-degrees * Math.PI) / 180
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const [x, y] = [image.width / 2, image.height / 2]
  return affine(image, [cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y])
}

/** The operations and strengths of timm's RandAugment. */
const operations: readonly Operation[] = [
  autoContrast,
  equalize,
  invert,
  (image, strength, sign) => rotate(image, sign * strength * 30),
  (image, strength) => posterize(image, Math.trunc(strength * 4)),
  (image, strength) => solarize(image, Math.min(256, Math.trunc(strength * 256))),
  (image, strength) => solarizeAdd(image, Math.min(128, Math.trunc(strength * 110))),
  (image, strength) => adjustColor(image, strength * 1.8 + 0.1),
  (image, strength) => adjustContrast(image, strength * 1.8 + 0.1),
  (image, strength) => adjustBrightness(image, strength * 1.8 + 0.1),
  (image, strength) => adjustSharpness(image, strength * 1.8 + 0.1),
  (image, strength, sign) => shear(image, sign * strength * 0.3, 0),
  (image, strength, sign) => shear(image, 0, sign * strength * 0.3),
  (image, strength, sign) => move(image, sign * strength * 0.45, 0),
  (image, strength, sign) => move(image, 0, sign * strength * 0.45),
]

/** Applies `n` operations, drawn with replacement. Each is left out with probability one half, as in timm. */
export function augmented(image: Image, n: number, magnitude: number, random: RandomStream): Image {
  let current = image.channels === 4 ? toThree(image) : image
  for (let i = 0; i < n; i++) {
    const operation = at(operations, random.integer(operations.length))
    const sign = random.uniform() < 0.5 ? -1 : 1
    if (random.uniform() < 0.5) current = operation(current, magnitude / 10, sign)
  }
  return current
}
