import { foldKey, keyFromSeed, randomStream, VitrineError } from "@vitrine/core"
import { at } from "../at.ts"
import type { Dataset } from "../dataset.ts"
import { blank } from "../image.ts"
import type { LineSet } from "./lines.ts"

/** Options of rows that are made of single characters. */
export interface RowOptions {
  /** The number of rows. */
  readonly size: number
  /** The least and the greatest number of characters in a row. */
  readonly characters: readonly [least: number, most: number]
  readonly seed?: number
}

/** The least and the greatest gap between neighbours, in pixels. With a negative gap their images overlap. */
const spacing = [-4, 6] as const
/** The greatest distance in pixels of an image from the line, above or below. */
const rise = 2

/**
 * Rows of characters, made from images of a data set such as MNIST's digits. The images have one size and are light on
 * black. Distances and heights are random. A row depends only on the seed and its index. The text of a row consists of
 * the names of the classes, which must be one character each.
 * @throws VitrineError (config) for impossible numbers, and for classes that are no characters
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
        .examples.map((example) => classes[at(labels, example)])
        .join(""),
    describe: (index) => `${name}, row ${index}`,
    async read(index) {
      const { examples, random } = plan(index)
      const images = await Promise.all(examples.map((example) => dataset.read(example)))
      const places: { readonly x: number; readonly data: Uint8Array }[] = []
      let end = 0
      for (const image of images) {
        if (image.height !== height || image.width !== width || image.channels !== channels)
          throw new VitrineError("file", `${name}: rows need images of one size, ${height}×${width}×${channels}`)
        const gap = places.length === 0 ? 0 : spacing[0] + random.integer(spacing[1] - spacing[0] + 1)
        const x = Math.max(0, end + gap)
        places.push({ x, data: image.data })
        end = x + width
      }
      const row = blank(end, height, channels)
      for (const { x, data } of places) {
        const up = random.integer(2 * rise + 1) - rise
        for (let y = Math.max(0, up); y < Math.min(height, height + up); y++) {
          const line = row.data.subarray((y * end + x) * channels, (y * end + x + width) * channels)
          const source = data.subarray((y - up) * width * channels, (y - up + 1) * width * channels)
          line.set(source.map((value, i) => Math.max(value, line[i] ?? 0)))
        }
      }
      return row
    },
    ...(dataset.close && { close: dataset.close }),
  }
}
