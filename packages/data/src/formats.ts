/** Names of image files that are decoded. */
const decoded = /\.(jpe?g|png|webp|gif|tiff?|bmp|avif)$/i

/** The formats that are decoded, for messages. */
export const decodedFormats = "JPEG, PNG, WebP, GIF, TIFF, BMP or AVIF"

/** Names of images in formats that are not decoded. */
const others = /\.(hei[cf]|jp2|j2k|jpx|jxl|svg|ico|psd|dng|cr2|nef|arw|raw|pgm|ppm|tga)$/i

/** Whether a path is of a system's own: hidden, macOS' or Synology's. */
export function isHiddenPath(path: string): boolean {
  return path.split("/").some(isHiddenName)
}

export function isHiddenName(name: string): boolean {
  return name.startsWith(".") || name === "__MACOSX" || name === "@eaDir"
}

/** Whether a path looks like an image that we decode, and is not hidden. */
export function isImagePath(path: string): boolean {
  return decoded.test(path) && !isHiddenPath(path)
}

/** Whether a path looks like an image in a format that we do not decode. */
export function isOtherImagePath(path: string): boolean {
  return others.test(path)
}

/** Why files are passed over: the number of each kind, and an example. */
export function passedOverLines(files: Iterable<readonly [kind: string, path: string]>): string[] {
  const kinds = new Map<string, { readonly example: string; count: number }>()
  for (const [kind, path] of files) {
    const entry = kinds.get(kind)
    if (entry === undefined) kinds.set(kind, { example: path, count: 1 })
    else entry.count++
  }
  return Array.from(kinds, ([kind, { example, count }]) => `${count} ${kind}, such as ${example}`)
}

/** The kind of a file by the end of its name. */
export function fileKind(path: string): string {
  if (path.endsWith("/")) return "empty folders"
  const extension = /\.[a-z0-9]{1,10}$/i.exec(path)?.[0].toLowerCase()
  return `${extension ?? "other"} files${isOtherImagePath(path) ? " (convert them to JPEG or PNG)" : ""}`
}
