import { BrokenImageError } from "../broken.ts"
import type { Dataset } from "../dataset.ts"
import { decodeLimits } from "../limits.ts"
import { decodeAdmitted } from "./decode.ts"

interface EncodedImages
  extends Pick<Dataset, "length" | "describe" | "order" | "reach" | "prefetch" | "close">,
    Required<Pick<Dataset, "bytes">> {
  readonly source: NonNullable<Dataset["source"]> & Pick<Dataset, "name" | "classes" | "labels" | "labelSets">
  /** The size of an example's image file, if it is known before the file is read. */
  sizeOf?(index: number): number | undefined
}

/** Makes image files a data set. They are decoded when they are read. */
export function encodedImages({ source, sizeOf, bytes: read, ...rest }: EncodedImages): Dataset {
  const { name, classes, labels, labelSets } = source
  const { describe } = rest
  const bytes = async (index: number): Promise<Uint8Array> => {
    const size = sizeOf?.(index)
    if (size !== undefined && size > decodeLimits.fileBytes)
      throw new BrokenImageError(
        `${describe(index)}: is ${size} bytes; images up to ${decodeLimits.fileBytes} are read`,
      )
    return read(index)
  }
  return {
    name,
    classes,
    channels: 3,
    labels,
    ...(labelSets && { labelSets }),
    source,
    ...rest,
    bytes,
    read: async (index, admit) => decodeAdmitted(await bytes(index), describe(index), admit),
  }
}
