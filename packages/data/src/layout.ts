import { foldKey, keyFromSeed, permutation, VitrineError } from "@vitrine/core"

/** Which of a list of image paths form the training and the validation set. Numbers are positions in that list. */
export interface FolderLayout {
  readonly classes: readonly string[]
  readonly train: FolderSplit
  readonly val: FolderSplit | null
  /** Paths passed over: hidden, not an image, or outside a class folder. */
  readonly skipped: number
}

export interface FolderSplit {
  readonly items: readonly number[]
  /** The class of each item. */
  readonly labels: Int32Array
}

const validationNames = ["val", "valid", "validation", "test"]

/** Whether a path looks like an image that we decode, and is not hidden. */
export function isImagePath(path: string): boolean {
  if (!/\.(jpe?g|png|webp|gif)$/i.test(path)) return false
  return !path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX")
}

/**
 * Finds classes and splits in the paths of an image folder (or archive): `class/…/image` or `train/class/…/image` with
 * `val`, `valid`, `validation` or `test` beside it, under any number of enclosing folders. Classes are sorted by name and
 * examples by folder and name, as torchvision's ImageFolder does. Without a validation folder, `valFraction` of each
 * class, at least one image, is held out; which ones, `seed` and the class's name alone decide.
 * @param paths relative, with "/" between the parts
 * @throws VitrineError when no class has an image, or a validation class is not in the training set
 */
export function folderLayout(
  paths: readonly string[],
  name: string,
  options: { valFraction?: number; seed?: number } = {},
): FolderLayout {
  const { valFraction = 0.1, seed = 0 } = options
  if (!(valFraction >= 0 && valFraction < 1))
    throw new VitrineError("config", `valFraction must be in [0, 1), got ${valFraction}`)
  let entries = paths.flatMap((path, item) => (isImagePath(path) ? [{ item, parts: path.split("/") }] : []))
  if (entries.length === 0) throw new VitrineError("file", `${name}: holds no JPEG, PNG, WebP or GIF image`)

  // Enclosing folders say nothing, but the last one above the files is a class.
  for (;;) {
    const outer = entries[0]?.parts[0]
    if (!entries.every(({ parts }) => parts[0] === outer && parts.length > 2)) break
    for (const entry of entries) entry.parts = entry.parts.slice(1)
  }
  entries = entries.filter(({ parts }) => parts.length > 1)
  if (entries.length === 0)
    throw new VitrineError("file", `${name}: its images are not in class folders, such as ${name}/cat/1.jpg`)

  const outer = new Set(entries.map(({ parts }) => parts[0] as string))
  const split = (...names: string[]): string | undefined =>
    names.flatMap((wanted) => [...outer].filter((found) => found.toLowerCase() === wanted))[0]
  const trainName = split("train")
  const isSplit =
    trainName !== undefined && [...outer].every((n) => n === trainName || validationNames.includes(n.toLowerCase()))
  const inside = (folder: string | undefined): { item: number; parts: string[] }[] =>
    folder === undefined
      ? []
      : entries.flatMap(({ item, parts }) => (parts[0] === folder ? [{ item, parts: parts.slice(1) }] : []))
  const found = isSplit ? inside(trainName) : entries
  const trainEntries = found.filter(({ parts }) => parts.length > 1)
  const valEntries = isSplit ? inside(split(...validationNames)).filter(({ parts }) => parts.length > 1) : []
  if (trainEntries.length === 0)
    throw new VitrineError("file", `${name}: the images under train are not in class folders, such as train/cat/1.jpg`)

  const classes = [...new Set(trainEntries.map(({ parts }) => parts[0] as string))].sort(byCodePoint)
  const index = new Map(classes.map((label, i) => [label, i]))
  const examples = (list: readonly { item: number; parts: string[] }[]): { item: number; label: number }[] =>
    list
      .map(({ item, parts }) => ({
        item,
        label: index.get(parts[0] as string) ?? -1,
        name: parts[0] as string,
        folder: parts.slice(0, -1).join("/"),
        file: parts.at(-1) as string,
      }))
      .sort((a, b) => a.label - b.label || byCodePoint(a.folder, b.folder) || byCodePoint(a.file, b.file))
      .map((entry) => {
        if (entry.label < 0)
          throw new VitrineError(
            "file",
            `${name}: the validation images have a class "${entry.name}" that the training images lack`,
          )
        return entry
      })
  let train = examples(trainEntries)
  let val = examples(valEntries)
  if (val.length === 0 && valFraction > 0) {
    const held = new Set<number>()
    let start = 0
    classes.forEach((label, i) => {
      const members = takeWhile(train, start, (entry) => entry.label === i)
      start += members.length
      const count = members.length < 2 ? 0 : Math.max(1, Math.round(members.length * valFraction))
      const order = permutation(foldKey(keyFromSeed(seed), "split", label), members.length)
      for (let k = 0; k < count; k++) held.add((members[order[k] as number] as { item: number }).item)
    })
    val = train.filter(({ item }) => held.has(item))
    train = train.filter(({ item }) => !held.has(item))
  }
  const part = (list: readonly { item: number; label: number }[]): FolderSplit => ({
    items: list.map(({ item }) => item),
    labels: Int32Array.from(list, ({ label }) => label),
  })
  const used = trainEntries.length + valEntries.length
  return { classes, train: part(train), val: val.length > 0 ? part(val) : null, skipped: paths.length - used }
}

function takeWhile<T>(list: readonly T[], start: number, holds: (entry: T) => boolean): T[] {
  let end = start
  while (end < list.length && holds(list[end] as T)) end++
  return list.slice(start, end)
}

/** Order of strings by code point, as Python's; JavaScript's own differs beyond the basic plane. */
function byCodePoint(a: string, b: string): number {
  const n = Math.min(a.length, b.length)
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? (a.codePointAt(i) as number) - (b.codePointAt(i) as number) : x - y
  }
  return a.length - b.length
}
