/** The names of image files in formats that are decoded. */
const decoded = /\.(jpe?g|png|webp|gif|tiff?|bmp|avif)$/i

/** The formats that are decoded, as words for messages. */
export const decodedFormats = "JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF"

/** The names of image files in other formats. */
const others = /\.(hei[cf]|jp2|j2k|jpx|jxl|svg|ico|psd|dng|cr2|nef|arw|raw|pgm|ppm|tga)$/i

/** Whether a path belongs to the system: hidden, or of macOS or Synology. */
export function isHiddenPath(path: string): boolean {
  return path.split("/").some(isHiddenName)
}

export function isHiddenName(name: string): boolean {
  return name.startsWith(".") || name === "__MACOSX" || name === "@eaDir"
}

/** Whether a path has the name of an image that is decoded, and is not hidden. */
export function isImagePath(path: string): boolean {
  return decoded.test(path) && !isHiddenPath(path)
}

/** Whether a path has the name of an image in a format that is not decoded. */
export function isOtherImagePath(path: string): boolean {
  return others.test(path) && !isHiddenPath(path)
}

/** A line for each kind of passed-over files, with their number and an example. */
export function passedOverLines(files: Iterable<readonly [kind: string, path: string]>): string[] {
  const kinds = new Map<string, { readonly example: string; count: number }>()
  for (const [kind, path] of files) {
    const entry = kinds.get(kind)
    if (entry === undefined) kinds.set(kind, { example: path, count: 1 })
    else entry.count++
  }
  return Array.from(kinds, ([kind, { example, count }]) => `${count} ${kind}, such as ${example}`)
}

/** The kind of a file by its extension. */
export function fileKind(path: string): string {
  if (path.endsWith("/")) return "empty folders"
  const extension = /\.[a-z0-9]{1,10}$/i.exec(path)?.[0].toLowerCase()
  return `${extension ?? "other"} files${isOtherImagePath(path) ? " (convert them to JPEG or PNG)" : ""}`
}
