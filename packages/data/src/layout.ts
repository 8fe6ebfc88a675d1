import { foldKey, keyFromSeed, permutation, VitrineError } from "@vitrine/core"
import { at } from "./at.ts"

/** The images of the training and the validation set, as positions in a list of paths. */
export interface FolderLayout {
  readonly classes: readonly string[]
  readonly train: FolderSplit
  readonly val: FolderSplit | null
  /** Paths passed over: hidden, not an image, or outside a class folder. */
  readonly skipped: number
  /** Why, a line for each kind with its number and an example. Hidden files have none. */
  readonly passedOver: readonly string[]
}

export interface FolderSplit {
  readonly items: readonly number[]
  /** The class of each item. */
  readonly labels: Int32Array
}

/** The usual names of the folders of a split, in any case. Those that come first are taken first. */
const splitNames = {
  train: ["train", "training", "training_set"],
  validation: ["val", "valid", "validation", "dev", "test", "testing", "test_set", "eval"],
} as const

const validationFolders: readonly string[] = splitNames.validation

/** Images in formats that are not decoded. */
const otherImages = /\.(hei[cf]|avif|tiff?|bmp|jp2|j2k|jpx|jxl|svg|ico|psd|dng|cr2|nef|arw|raw|pgm|ppm|tga)$/i

/** Whether a path is of a system's own: hidden, macOS' or Synology's. */
const isHidden = (path: string): boolean =>
  path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX" || part === "@eaDir")

/** Whether a path looks like an image that we decode, and is not hidden. */
export function isImagePath(path: string): boolean {
  return /\.(jpe?g|png|webp|gif)$/i.test(path) && !isHidden(path)
}

/**
 * Finds classes and splits in the paths of an image folder (or archive): `class/…/image` or `train/class/…/image` with a
 * folder for validation or test beside it, by their usual names, under any number of enclosing folders. Classes are sorted by
 * name and examples by folder and name, as torchvision's ImageFolder does. Without a validation folder, `valFraction` of each
 * class, at least one image, is held out; which ones, `seed` and the class's name alone decide.
 * @param paths relative, with "/" between the parts
 * @throws VitrineError when no class has an image, all images of a class are of formats that are not decoded, or a validation
 *   class is not in the training set
 */
export function folderLayout(
  paths: readonly string[],
  name: string,
  options: { valFraction?: number; seed?: number } = {},
): FolderLayout {
  const { valFraction = 0.1, seed = 0 } = options
  if (!(valFraction >= 0 && valFraction < 1))
    throw new VitrineError("config", `valFraction must be in [0, 1), got ${valFraction}`)
  const images = paths.flatMap((path, item): Entry[] => (isImagePath(path) ? [{ item, ...splitPath(path) }] : []))
  if (images.length === 0) throw new VitrineError("file", `${name}: holds no JPEG, PNG, WebP or GIF image`)
  const entries = withoutEnclosing(images).filter(({ folders }) => folders.length > 0)
  if (entries.length === 0)
    throw new VitrineError("file", `${name}: its images are not in class folders, such as ${name}/cat/1.jpg`)

  const outer = [...new Set(entries.map(outermost))]
  const folderOf = (...names: string[]): string | undefined =>
    names.flatMap((each) => outer.filter((folder) => folder.toLowerCase() === each))[0]
  const trainName = folderOf(...splitNames.train)
  const validationName = folderOf(...splitNames.validation)
  const isSplit = trainName !== undefined && (outer.length === 1 || validationName !== undefined)
  const inside = (folder: string | undefined): Entry[] =>
    entries.flatMap((entry) =>
      entry.folders[0] === folder && entry.folders.length > 1 ? [{ ...entry, folders: entry.folders.slice(1) }] : [],
    )
  const trainEntries = isSplit ? inside(trainName) : entries
  const valEntries = isSplit ? inside(validationName) : []
  if (trainEntries.length === 0)
    throw new VitrineError("file", `${name}: the images under train are not in class folders, such as train/cat/1.jpg`)

  const classes = [...new Set(trainEntries.map(outermost))].sort(byCodePoint)
  const labels = new Map(classes.map((label, i) => [label, i]))
  const examples = (list: readonly Entry[]): Example[] =>
    list
      .map((entry) => ({ ...entry, label: labels.get(outermost(entry)) ?? -1, folder: entry.folders.join("/") }))
      .sort((a, b) => a.label - b.label || byCodePoint(a.folder, b.folder) || byCodePoint(a.file, b.file))
  let train = examples(trainEntries)
  let val = examples(valEntries)
  const stranger = val.find(({ label }) => label < 0)
  if (stranger)
    throw new VitrineError(
      "file",
      `${name}: the validation images have a class "${outermost(stranger)}" that the training images lack`,
    )
  if (val.length === 0 && valFraction > 0) {
    const members = classes.map((): number[] => [])
    for (const { item, label } of train) members[label]?.push(item)
    const heldOut = new Set(members.flatMap((items, label) => drawn(items, at(classes, label), valFraction, seed)))
    val = train.filter(({ item }) => heldOut.has(item))
    train = train.filter(({ item }) => !heldOut.has(item))
  }
  const part = (list: readonly Example[]): FolderSplit => ({
    items: list.map(({ item }) => item),
    labels: Int32Array.from(list, ({ label }) => label),
  })
  const used = new Set([...trainEntries, ...valEntries].map(({ item }) => item))
  const others = paths.filter((path, item) => !used.has(item) && !isHidden(path))
  const passedOver = reasons(others)
  const lost = lostClass(others, isSplit ? [trainName, validationName] : [], classes, images)
  if (lost !== undefined)
    throw new VitrineError(
      "file",
      `${name}: the class folder "${lost}" has no image that can be read (JPEG, PNG, WebP and GIF are read): convert its images, or remove the folder; ${others.length} files are passed over: ${passedOver.join("; ")}`,
    )
  return {
    classes,
    train: part(train),
    val: val.length > 0 ? part(val) : null,
    skipped: paths.length - used.size,
    passedOver,
  }
}

/** Why paths are passed over: the number of each kind, and an example. */
function reasons(paths: readonly string[]): string[] {
  const kinds = new Map<string, { readonly example: string; count: number }>()
  for (const path of paths) {
    const kind = kindOf(path)
    const entry = kinds.get(kind)
    if (entry === undefined) kinds.set(kind, { example: path, count: 1 })
    else entry.count++
  }
  return Array.from(kinds, ([kind, { example, count }]) => `${count} ${kind}, such as ${example}`)
}

/** What a path that is passed over holds. */
function kindOf(path: string): string {
  if (!isImagePath(path)) return `${/\.[a-z0-9]{1,10}$/i.exec(path)?.[0].toLowerCase() ?? "other"} files`
  const split = path.split("/").find((folder) => validationFolders.includes(folder.toLowerCase()))
  return split === undefined ? "images outside of the class folders" : `images of the split "${split}"`
}

/** A class folder all of whose images are of other formats. */
function lostClass(
  others: readonly string[],
  splits: readonly (string | undefined)[],
  classes: readonly string[],
  images: readonly Entry[],
): string | undefined {
  const depth = images[0]?.folders.length ?? 1
  const folders = others
    .filter((path) => otherImages.test(path))
    .map((path) => path.split("/").slice(0, -1))
    .filter((parts) => parts.length === depth && (splits.length === 0 || splits.includes(parts.at(-2))))
  return folders.map((parts) => parts.at(-1) ?? "").find((folder) => !classes.includes(folder))
}

/** An image by its position in the list, the folders around it, from the outermost on, and its file's name. */
interface Entry {
  readonly item: number
  readonly folders: readonly string[]
  readonly file: string
}

interface Example extends Entry {
  readonly label: number
}

function splitPath(path: string): Pick<Entry, "folders" | "file"> {
  const parts = path.split("/")
  return { folders: parts.slice(0, -1), file: parts.at(-1) ?? "" }
}

const outermost = ({ folders: [folder = ""] }: Entry): string => folder

/** Entries without the folders that enclose all of them. The last folder above the files is a class, and stays. */
function withoutEnclosing(entries: readonly Entry[]): readonly Entry[] {
  const [first] = entries
  if (first === undefined || !entries.every(({ folders }) => folders.length > 1 && folders[0] === first.folders[0]))
    return entries
  return withoutEnclosing(entries.map((entry) => ({ ...entry, folders: entry.folders.slice(1) })))
}

/** The items of a class that are held out, drawn by the seed and the class's name. */
function drawn(items: readonly number[], className: string, valFraction: number, seed: number): number[] {
  const count = items.length < 2 ? 0 : Math.max(1, Math.round(items.length * valFraction))
  const order = permutation(foldKey(keyFromSeed(seed), "split", className), items.length)
  return Array.from(order.subarray(0, count), (place) => at(items, place))
}

/** Order of strings by code point, as Python's; JavaScript's own differs beyond the basic plane. */
function byCodePoint(a: string, b: string): number {
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? (a.codePointAt(i) ?? 0) - (b.codePointAt(i) ?? 0) : x - y
  }
  return a.length - b.length
}
