import { rowNames } from "@vitrine/core"
import { InvalidArgumentError } from "commander"
import { flip, padCrop, randAugment, randomCrop, randomResizedCrop, type Transform } from "vitrine"

/** The values of `--augment`. Crops get the size of the model's input. */
const augmentations: Readonly<Record<string, (amount: number | undefined) => Transform>> = {
  flip: (probability) => flip(probability),
  "pad-crop": (pixels = 4) => padCrop(pixels),
  "random-crop": (scale) => randomCrop(1, scale === undefined ? {} : { scale }),
  "random-resized-crop": (least = 0.08) => randomResizedCrop(1, { scale: [least, 1] }),
  "rand-augment": (magnitude) => randAugment(2, magnitude),
}

export const augmentationNames: readonly string[] = rowNames(augmentations)

/** Names with commas between them, each with an amount behind `=` or without; or `off`. */
export function augmentationValue(text: string): readonly Transform[] {
  if (text === "off") return []
  return text.split(",").map((part) => {
    const [name = "", amount, ...rest] = part.trim().split("=")
    const make = Object.hasOwn(augmentations, name) ? augmentations[name] : undefined
    const number = amount === undefined ? undefined : Number(amount)
    if (make === undefined || rest.length > 0 || amount === "" || Number.isNaN(number))
      throw new InvalidArgumentError(`Give off, or some of ${augmentationNames.join(", ")}, such as flip,pad-crop=2.`)
    return make(number)
  })
}
