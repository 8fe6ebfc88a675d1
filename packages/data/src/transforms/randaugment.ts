import type { Stream } from "@vitrine/core"
import type { Image } from "../image.ts"

export function augmented(image: Image, _n: number, _magnitude: number, _random: Stream): Image {
  return image
}
