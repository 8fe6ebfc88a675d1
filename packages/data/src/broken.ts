import { VitrineError } from "@vitrine/core"
import type { Dataset } from "./dataset.ts"
import type { Image } from "./image.ts"
import type { Admit } from "./read-ahead.ts"

/** The error of an image whose bytes cannot be decoded, wherever and whenever that is tried. */
export class BrokenImageError extends VitrineError {
  constructor(message: string, options?: ErrorOptions) {
    super("file", message, options)
  }
}

/** An example whose image is broken. */
export interface BrokenExample {
  readonly example: number
  /** The name of the image and its fault. */
  readonly message: string
}

/** Reads an image. If the image is broken, the result is its error. */
export async function readOrBroken(
  dataset: Dataset,
  example: number,
  admit?: Admit,
): Promise<Image | BrokenImageError> {
  try {
    return await dataset.read(example, admit)
  } catch (error) {
    if (error instanceof BrokenImageError) return error
    throw error
  }
}

/**
 * The first image of a data set that is not broken, and its index.
 * @throws VitrineError (file) the error of the first image if all are broken
 */
export async function firstImage(dataset: Dataset): Promise<readonly [example: number, image: Image]> {
  let first: BrokenImageError | undefined
  for (let example = 0; example < dataset.length; example++) {
    const image = await readOrBroken(dataset, example)
    if (!(image instanceof BrokenImageError)) return [example, image]
    first ??= image
  }
  throw first ?? new VitrineError("file", `${dataset.name}: has no images`)
}

/** The treatment of broken images. */
export interface BrokenOptions {
  /** Whether the first broken image is an error; false by default. */
  readonly strict?: boolean | undefined
  /** Examples that are known to be broken. They count, and are not reported again. */
  readonly knownBroken?: readonly number[] | undefined
  /** Called once for each broken image. */
  readonly onBroken?: ((broken: BrokenExample) => void) | undefined
}

/** Broken images are an error if they are more than this share of all and at least this many. */
const mostBroken = { share: 0.01, count: 10 }

/** Counts the broken images of a data set. The function throws a VitrineError (file) if there are too many. */
export function brokenCounter(
  { name, length }: Pick<Dataset, "name" | "length">,
  { strict = false, knownBroken = [], onBroken }: BrokenOptions,
): (broken: readonly BrokenExample[]) => void {
  const counted = new Set(knownBroken)
  return (broken) => {
    for (const each of broken) {
      if (strict) throw new VitrineError("file", each.message)
      if (counted.has(each.example)) continue
      counted.add(each.example)
      onBroken?.(each)
      const { size } = counted
      if (size === length || (size >= mostBroken.count && size > mostBroken.share * length))
        throw new VitrineError(
          "file",
          `${name}: ${size} of ${length} images cannot be read, such as ${each.message}: mend or remove them`,
        )
    }
  }
}
