import { VitrineError } from "@vitrine/core"
import { byCodePoint } from "./code-points.ts"
import { decodedFormats, fileKind, isHiddenPath, isImagePath, isOtherImagePath, passedOverLines } from "./formats.ts"
import {
  checkFraction,
  type Split,
  type SplitNames,
  type SplitOptions,
  splitOf,
  splits,
  usualSplitNames,
  withValidation,
} from "./splits.ts"

/** The images of each split, as indices in a list of paths. */
export interface FolderLayout {
  readonly classes: readonly string[]
  readonly train: FolderSplit
  readonly val: FolderSplit | null
  /** The images of a test folder. They must not choose a model, so they are no validation set. */
  readonly test: FolderSplit | null
  /** The folders of the splits. */
  readonly folders: SplitNames
  /** The number of paths that were passed over: hidden, not an image, or outside a class folder. */
  readonly skipped: number
  /** A line for each kind of passed-over paths, with the number and an example. Hidden files have no line. */
  readonly passedOver: readonly string[]
}

/** The part of a folder that a split holds, as indices of its items. */
export interface FolderSplit {
  readonly items: readonly number[]
  /** The class of each item. */
  readonly labels: Int32Array
}

/** How a folder of images is read. */
export interface FolderOptions extends SplitOptions {
  /**
   * Whether images need no class. Then, if some images are in no class folder, all images form one class without a
   * name.
   */
  readonly unlabelled?: boolean | undefined
}

/**
 * Finds classes and splits in the paths of an image folder or archive. The paths are `class/…/image`, or
 * `train/class/…/image` with folders for validation and test beside `train`, which have usual names, or
 * `class/train/…/image`. Any number of folders may enclose these. Classes are sorted by name, and examples by folder and name, as torchvision's ImageFolder
 * sorts them. If there is no folder for validation or test, `valFraction` of each class, at least one image, is held
 * out for validation. The selection depends only on `seed` and the class's name.
 * @param paths relative paths with "/" between the parts; a folder without files ends with "/"
 * @throws VitrineError if no class has an image, if all images of a class have formats that are not decoded, or if a
 *   split has a class that the training set lacks
 */
export function folderLayout(paths: readonly string[], name: string, options: FolderOptions = {}): FolderLayout {
  const { valFraction, seed = 0, unlabelled = false, testValidates = false } = options
  checkFraction(valFraction)
  const images: Entry[] = []
  const split = pathSplitter()
  for (const [item, path] of paths.entries()) if (isImagePath(path)) images.push({ item, ...split(path) })
  if (images.length === 0) throw new VitrineError("file", `${name}: holds no ${decodedFormats} image`)
  const inner = withSplitsOutside(withoutEnclosing(images))
  const parts = splitFolders(inner, testValidates)
  if (parts === "no train")
    throw new VitrineError(
      "file",
      `${name}: has folders for validation and test, but none called train: name one, or give one of them`,
    )
  const isFlat =
    unlabelled &&
    inner.some(({ folders }) => folders.length === 0 || (parts.train !== undefined && folders.length === 1))
  const inside = (folder: string | undefined): Entry[] =>
    folder === undefined ? [] : withoutFolders(inner.filter(({ folders }) => folders[0] === folder))
  const splitFolderNames = new Set(Object.values(parts))
  const entries: Record<Split, readonly Entry[]> = {
    train: (parts.train === undefined
      ? inner.filter(({ folders: [outer = ""] }) => !splitFolderNames.has(outer))
      : inside(parts.train)
    ).filter(({ folders }) => isFlat || folders.length > 0),
    val: inside(parts.val).filter(({ folders }) => isFlat || folders.length > 0),
    test: inside(parts.test).filter(({ folders }) => isFlat || folders.length > 0),
  }
  if (entries.train.length === 0)
    throw new VitrineError(
      "file",
      parts.train === undefined
        ? `${name}: its images are not in class folders, such as ${name}/cat/1.jpg`
        : `${name}: the images under ${parts.train} are not in class folders, such as ${parts.train}/cat/1.jpg`,
    )
  const outermostClass = ([folder = ""]: readonly string[]): string => (isFlat ? "" : folder)
  const classes = [...new Set(entries.train.map(({ folders }) => outermostClass(folders)))].sort(byCodePoint)
  const labels = new Map(classes.map((label, i) => [label, i]))
  const examples = (split: Split): readonly Example[] =>
    entries[split]
      .map(({ item, folders, file }) => ({ item, folders, file, label: labels.get(outermostClass(folders)) ?? -1 }))
      .sort((a, b) => a.label - b.label || byFolder(a.folders, b.folders) || byCodePoint(a.file, b.file))
  const labelled = { train: examples("train"), val: examples("val"), test: examples("test") }
  // If no image of a test folder has a known class, as in test/unknown, the images have no labels.
  if (labelled.test.every(({ label }) => label < 0)) labelled.test = []
  for (const split of ["val", "test"] as const) {
    const stranger = labelled[split].find(({ label }) => label < 0)
    if (stranger)
      throw new VitrineError(
        "file",
        `${name}: the ${split === "val" ? "validation" : "test"} images have a class "${outermost(stranger)}" that the training images lack`,
      )
  }
  const lists = withValidation(labelled, ({ label }) => label, classes, { valFraction, seed })
  const part = (list: readonly Example[]): FolderSplit => ({
    items: list.map(({ item }) => item),
    labels: Int32Array.from(list, ({ label }) => label),
  })
  const used = new Set(splits.flatMap((split) => lists[split].map(({ item }) => item)))
  const others = paths.filter((path, item) => !used.has(item) && !isHiddenPath(path))
  const enclosing = (images[0]?.folders.length ?? 0) - (inner[0]?.folders.length ?? 0)
  const passedOver = passedOverLines(others.map((path) => [kindOf(path, enclosing, parts), path] as const))
  const lost = isFlat ? undefined : lostClass(others, enclosing, parts.train, classes)
  if (lost !== undefined)
    throw new VitrineError(
      "file",
      `${name}: the class folder "${lost}" has no image that can be read (${decodedFormats.replace(" or ", " and ")} are read): convert its images, or remove the folder; ${others.length} files are passed over: ${passedOver.join("; ")}`,
    )
  const only = images[0]?.folders.slice(0, enclosing).find((folder) => splitOf(folder) !== undefined)
  const named: SplitNames = parts.train === undefined && only !== undefined ? { train: only } : parts
  const folders = Object.fromEntries(
    splits.flatMap((split) => (lists[split].length > 0 && named[split] !== undefined ? [[split, named[split]]] : [])),
  )
  return {
    classes: isFlat ? [] : classes,
    train: part(lists.train),
    val: lists.val.length > 0 ? part(lists.val) : null,
    test: lists.test.length > 0 ? part(lists.test) : null,
    folders,
    skipped: paths.length - used.size,
    passedOver,
  }
}

/**
 * Finds the outermost folders whose names are those of splits. A class may be called train if its images lie beside
 * those of other classes.
 */
function splitFolders(entries: readonly Entry[], testValidates: boolean): SplitNames | "no train" {
  const outer = [...new Set(entries.filter(({ folders }) => folders.length > 0).map(outermost))].sort(byCodePoint)
  const named = (split: Split): string | undefined =>
    usualSplitNames[split].flatMap((name) => outer.filter((folder) => folder.toLowerCase() === name))[0]
  const [train, test, val = testValidates ? test : undefined] = [named("train"), named("test"), named("val")]
  const splitNames: SplitNames = {
    ...(train !== undefined && { train }),
    ...(val !== undefined && { val }),
    ...(test !== undefined && !testValidates && { test }),
  }
  if (train === undefined) {
    const isAlone = outer.every((folder) => splitOf(folder) !== undefined)
    if (!isAlone) return splitNames
    return outer.length > 1 ? "no train" : {}
  }
  const isClass = entries.some(({ folders }) => folders.length === 1 && folders[0] === train)
  return isClass && outer.length > 1 && val === undefined && test === undefined ? {} : splitNames
}

/** Words for the kind of a path that is passed over. */
function kindOf(path: string, enclosing: number, parts: SplitNames): string {
  if (!isImagePath(path)) return fileKind(path)
  const [outer = "", ...rest] = path.split("/").slice(enclosing)
  if (rest.length === 0) return "images outside of the class folders"
  const split = splitOf(outer)
  if (split !== undefined && (parts[split] !== undefined || split !== "train"))
    return parts[split] === outer ? `images of "${outer}" in no class folder` : `images of the split "${outer}"`
  return parts.train === undefined
    ? "images outside of the class folders"
    : `images of the folder "${outer}" beside the splits`
}

/** A class folder that is empty, or whose images all have formats that are not decoded. */
function lostClass(
  others: readonly string[],
  enclosing: number,
  train: string | undefined,
  classes: readonly string[],
): string | undefined {
  const place = enclosing + (train === undefined ? 0 : 1)
  const folders = others
    .filter((path) => isOtherImagePath(path) || path.endsWith("/"))
    .map((path) => path.split("/").slice(0, -1))
    .filter((parts) => parts.length > place && (train === undefined || parts[enclosing] === train))
    .map((parts) => parts[place] ?? "")
  return folders.find((folder) => !classes.includes(folder) && (train !== undefined || splitOf(folder) === undefined))
}

/** An image: its index in the list, the folders around it (outermost first), and the name of its file. */
interface Entry {
  readonly item: number
  readonly folders: readonly string[]
  readonly file: string
}

interface Example extends Entry {
  readonly label: number
}

/** Splits paths into folders and file. Files of one folder share its list, since there may be a million of them. */
function pathSplitter(): (path: string) => Pick<Entry, "folders" | "file"> {
  const lists = new Map<string, readonly string[]>()
  return (path) => {
    const end = path.lastIndexOf("/")
    const folder = path.slice(0, Math.max(0, end))
    const folders = lists.get(folder) ?? (end < 0 ? [] : folder.split("/"))
    lists.set(folder, folders)
    return { folders, file: path.slice(end + 1) }
  }
}

const outermost = ({ folders: [folder = ""] }: Entry): string => folder

function byFolder(a: readonly string[], b: readonly string[]): number {
  return a === b ? 0 : byCodePoint(a.join("/"), b.join("/"))
}

/** Removes the outermost folder of entries. Entries of one folder still share its list. */
function withoutFolders(entries: readonly Entry[]): Entry[] {
  const lists = new Map<readonly string[], readonly string[]>()
  return entries.map(({ item, folders, file }) => {
    const inner = lists.get(folders) ?? folders.slice(1)
    lists.set(folders, inner)
    return { item, folders: inner, file }
  })
}

/** Turns `class/train/image` into `train/class/image` if all images lie so, in two splits or more. */
function withSplitsOutside(entries: readonly Entry[]): readonly Entry[] {
  const inside = new Set(entries.map(({ folders: [, split = ""] }) => splitOf(split)))
  if (inside.size < 2 || inside.has(undefined) || !inside.has("train")) return entries
  const lists = new Map<readonly string[], readonly string[]>()
  return entries.map((entry) => {
    const { folders } = entry
    const [label = "", split = "", ...rest] = folders
    const turned = lists.get(folders) ?? [split, label, ...rest]
    lists.set(folders, turned)
    return { ...entry, folders: turned }
  })
}

/** Removes the folders that enclose all entries. The last folder above the files is a class, and stays. */
function withoutEnclosing(entries: readonly Entry[]): readonly Entry[] {
  const [first] = entries
  if (first === undefined || !entries.every(({ folders }) => folders.length > 1 && folders[0] === first.folders[0]))
    return entries
  return withoutEnclosing(withoutFolders(entries))
}
