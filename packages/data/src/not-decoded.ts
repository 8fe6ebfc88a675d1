import { BrokenImageError } from "./broken.ts"
import { decodedFormats } from "./formats.ts"
import { otherFormat } from "./header.ts"

/** The error of an image in a format that is not decoded. */
export function notDecoded(
  bytes: Uint8Array,
  label: string,
  format: string | undefined = otherFormat(bytes),
): BrokenImageError {
  return new BrokenImageError(
    format === undefined
      ? `${label}: is not a ${decodedFormats} image`
      : `${label}: is a ${format} image, which is not decoded; convert it to JPEG or PNG`,
  )
}
