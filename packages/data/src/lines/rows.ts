import { fold, keyFromSeed, stream, VitrineError } from "@vitrine/core"
import type { Dataset } from "../dataset.ts"
import { blank } from "../image.ts"
import type { LineSet } from "./lines.ts"

export interface RowOptions {
  /** Rows. */
  readonly size: number
  /** Characters of a row: from the first to the second number. */
  readonly characters: readonly [least: number, most: number]
  readonly seed?: number
}

/** By how many pixels neighbours may come closer than their images are wide, and drift apart. */
const spacing = [-6, 6] as const
/** By how many pixels an image may stand above or below the others. */
const rise = 2

/**
 * Rows of characters side by side, made of a data set's images, such as MNIST's digits: light on black, each image used as
 * it is, at a random distance and height. A row depends on the seed and its index alone; its text are the names of the
 * classes, which must be one character each.
 * @throws VitrineError (config) for numbers that make no rows, and for images that are no characters.
 */
export function rows(dataset: Dataset, { size, characters: [least, most], seed = 0 }: RowOptions): LineSet {
  const { classes, channels, labels, length, name } = dataset
  if (!Number.isSafeInteger(size) || size < 1)
    throw new VitrineError("config", `rows: size must be a positive integer, got ${size}`)
  if (!Number.isInteger(least) || !Number.isInteger(most) || least < 1 || most < least || most > 1000)
    throw new VitrineError("config", `rows: characters must be from 1 to 1000, the fewest first, got ${least}, ${most}`)
  const long = classes.find((text) => Array.from(text).length !== 1)
  if (long !== undefined)
    throw new VitrineError(
      "config",
      `${name}: the class ${JSON.stringify(long)} is not one character, so no rows can be made`,
    )
  const key = fold(keyFromSeed(seed), "rows")
  const plan = (
    index: number,
  ): { readonly examples: readonly number[]; readonly random: ReturnType<typeof stream> } => {
    const random = stream(fold(key, index))
    const count = least + random.integer(most - least + 1)
    return { examples: Array.from({ length: count }, () => random.integer(length)), random }
  }
  return {
    name: `rows of ${name}`,
    length: size,
    channels,
    text: (index) =>
      plan(index)
        .examples.map((example) => classes[labels[example] as number])
        .join(""),
    describe: (index) => `${name}, row ${index}`,
    async read(index) {
      const { examples, random } = plan(index)
      const images = await Promise.all(examples.map((example) => dataset.read(example)))
      const height = Math.max(...images.map((image) => image.height))
      const places: { readonly x: number; readonly y: number }[] = []
      let end = 0
      for (const image of images) {
        const gap = places.length === 0 ? 0 : spacing[0] + random.integer(spacing[1] - spacing[0] + 1)
        const x = Math.max(0, end + gap)
        places.push({ x, y: random.integer(2 * rise + 1) - rise })
        end = x + image.width
      }
      const row = blank(end, height, channels)
      for (const [i, image] of images.entries()) {
        const { x, y } = places[i] as (typeof places)[number]
        for (let from = Math.max(0, -y); from < Math.min(image.height, height - y); from++)
          for (let at = 0; at < image.width * channels; at++) {
            const to = ((from + y) * end + x) * channels + at
            row.data[to] = Math.max(row.data[to] as number, image.data[from * image.width * channels + at] as number)
          }
      }
      return row
    },
    ...(dataset.close && { close: dataset.close }),
  }
}
