import { foldKey, keyFromSeed, randomStream, VitrineError } from "@vitrine/core"
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
const spacing = [-4, 6] as const
/** By how many pixels an image may stand above or below the others. */
const rise = 2

/**
 * Rows of characters side by side, made of a data set's images, such as MNIST's digits, all of one size and light on black:
 * each used as it is, at a random distance and height. A row depends on the seed and its index alone; its text are the names
 * of the classes, which must be one character each.
 * @throws VitrineError (config) for numbers that make no rows, and for classes that are no characters.
 */
export async function characterRows(
  dataset: Dataset,
  { size, characters: [least, most], seed = 0 }: RowOptions,
): Promise<LineSet> {
  const { classes, channels, labels, length, name } = dataset
  if (!Number.isSafeInteger(size) || size < 1)
    throw new VitrineError("config", `rows: size must be a positive integer, got ${size}`)
  if (!Number.isInteger(least) || !Number.isInteger(most) || least < 1 || most < least || most > 256)
    throw new VitrineError("config", `rows: characters must be from 1 to 256, the fewest first, got ${least}, ${most}`)
  const long = classes.find((text) => Array.from(text).length !== 1)
  if (long !== undefined)
    throw new VitrineError(
      "config",
      `${name}: its class ${JSON.stringify(long)} is not one character, so its images make no rows to read`,
    )
  const key = foldKey(keyFromSeed(seed), "rows")
  const { height, width } = await dataset.read(0)
  const plan = (
    index: number,
  ): { readonly examples: readonly number[]; readonly random: ReturnType<typeof randomStream> } => {
    const random = randomStream(foldKey(key, index))
    const count = least + random.integer(most - least + 1)
    return { examples: Array.from({ length: count }, () => random.integer(length)), random }
  }
  return {
    name: `rows of ${name}`,
    length: size,
    channels,
    largest: [height, most * width + (most - 1) * spacing[1]],
    drawn: { characters: classes, longest: most },
    text: (index) =>
      plan(index)
        .examples.map((example) => classes[labels[example] as number])
        .join(""),
    describe: (index) => `${name}, row ${index}`,
    async read(index) {
      const { examples, random } = plan(index)
      const images = await Promise.all(examples.map((example) => dataset.read(example)))
      const xs: number[] = []
      let end = 0
      for (const image of images) {
        if (image.height !== height || image.width !== width || image.channels !== channels)
          throw new VitrineError("file", `${name}: rows need images of one size, ${height}×${width}×${channels}`)
        const gap = xs.length === 0 ? 0 : spacing[0] + random.integer(spacing[1] - spacing[0] + 1)
        xs.push(Math.max(0, end + gap))
        end = (xs.at(-1) as number) + width
      }
      const row = blank(end, height, channels)
      for (const [i, { data }] of images.entries()) {
        const up = random.integer(2 * rise + 1) - rise
        for (let y = Math.max(0, up); y < Math.min(height, height + up); y++)
          for (let at = 0; at < width * channels; at++) {
            const to = (y * end + (xs[i] as number)) * channels + at
            row.data[to] = Math.max(row.data[to] as number, data[(y - up) * width * channels + at] as number)
          }
      }
      return row
    },
    ...(dataset.close && { close: dataset.close }),
  }
}
