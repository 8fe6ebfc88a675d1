import { VitrineError } from "@vitrine/core"
import { at } from "./at.ts"
import { byCodePoint } from "./code-points.ts"
import { decodedFormats, fileKind, isHiddenPath, isImagePath, isOtherImagePath, passedOverLines } from "./formats.ts"
import { grouped } from "./grouped.ts"
import type { NameList } from "./names.ts"
import {
  checkFraction,
  heldOut,
  type Split,
  type SplitNames,
  type SplitOptions,
  splitOf,
  splits,
  usualSplitNames,
  validationShare,
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
  readonly items: Uint32Array
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
export function folderLayout(paths: NameList, name: string, options: FolderOptions = {}): FolderLayout {
  const { valFraction, seed = 0, unlabelled = false, testValidates = false } = options
  checkFraction(valFraction)
  const groups = groupsOf(paths)
  const [first] = groups
  if (first === undefined) throw new VitrineError("file", `${name}: holds no ${decodedFormats} image`)
  const inner = withSplitsOutside(withoutEnclosing(groups))
  const parts = splitFolders(inner, testValidates)
  if (parts === "no train")
    throw new VitrineError(
      "file",
      `${name}: has folders for validation and test, but none called train: name one, or give one of them`,
    )
  const isFlat =
    unlabelled &&
    inner.some(({ folders }) => folders.length === 0 || (parts.train !== undefined && folders.length === 1))
  const inside = (folder: string | undefined): Group[] =>
    folder === undefined ? [] : withoutFolders(inner.filter(({ folders }) => folders[0] === folder))
  const splitFolderNames = new Set(Object.values(parts))
  const isLabelled = ({ folders }: Group): boolean => isFlat || folders.length > 0
  const entries: Record<Split, readonly Group[]> = {
    train: (parts.train === undefined
      ? inner.filter(({ folders: [outer = ""] }) => !splitFolderNames.has(outer))
      : inside(parts.train)
    ).filter(isLabelled),
    val: inside(parts.val).filter(isLabelled),
    test: inside(parts.test).filter(isLabelled),
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
  const labelled = (split: Split): readonly LabelledGroup[] =>
    entries[split]
      .map((group) => ({ ...group, label: labels.get(outermostClass(group.folders)) ?? -1 }))
      .sort((a, b) => a.label - b.label || byCodePoint(a.folders.join("/"), b.folders.join("/")))
  const ofSplit = { train: labelled("train"), val: labelled("val"), test: labelled("test") }
  // If no image of a test folder has a known class, as in test/unknown, the images have no labels.
  if (ofSplit.test.every(({ label }) => label < 0)) ofSplit.test = []
  for (const split of ["val", "test"] as const) {
    const stranger = ofSplit[split].find(({ label }) => label < 0)
    if (stranger)
      throw new VitrineError(
        "file",
        `${name}: the ${split === "val" ? "validation" : "test"} images have a class "${outermost(stranger)}" that the training images lack`,
      )
  }
  const all = { train: splitOfGroups(ofSplit.train, paths), val: splitOfGroups(ofSplit.val, paths) }
  const test = splitOfGroups(ofSplit.test, paths)
  const share = all.val.items.length > 0 ? 0 : validationShare({ valFraction }, test.items.length)
  const out = heldOut(all.train.labels, classes, share, seed)
  const lists: Readonly<Record<Split, FolderSplit>> =
    out.size === 0
      ? { ...all, test }
      : {
          train: partOf(all.train, (place) => !out.has(place)),
          val: partOf(all.train, (place) => out.has(place)),
          test,
        }
  const isUsed = new Uint8Array(paths.length)
  for (const split of splits) for (const item of lists[split].items) isUsed[item] = 1
  const others: string[] = []
  let skipped = 0
  for (const [item, used] of isUsed.entries()) {
    if (used === 1) continue
    skipped++
    const path = paths.at(item) ?? ""
    if (!isHiddenPath(path)) others.push(path)
  }
  const enclosing = first.folders.length - (inner[0]?.folders.length ?? 0)
  const passedOver = passedOverLines(others.map((path) => [kindOf(path, enclosing, parts), path] as const))
  const lost = isFlat ? undefined : lostClass(others, enclosing, parts.train, classes)
  if (lost !== undefined)
    throw new VitrineError(
      "file",
      `${name}: the class folder "${lost}" has no image that can be read (${decodedFormats.replace(" or ", " and ")} are read): convert its images, or remove the folder; ${others.length} files are passed over: ${passedOver.join("; ")}`,
    )
  const only = first.folders.slice(0, enclosing).find((folder) => splitOf(folder) !== undefined)
  const named: SplitNames = parts.train === undefined && only !== undefined ? { train: only } : parts
  const folders = Object.fromEntries(
    splits.flatMap((split) =>
      lists[split].items.length > 0 && named[split] !== undefined ? [[split, named[split]]] : [],
    ),
  )
  return {
    classes: isFlat ? [] : classes,
    train: lists.train,
    val: lists.val.items.length > 0 ? lists.val : null,
    test: lists.test.items.length > 0 ? lists.test : null,
    folders,
    skipped,
    passedOver,
  }
}

/**
 * Finds the outermost folders whose names are those of splits. A class may be called train if its images lie beside
 * those of other classes.
 */
function splitFolders(entries: readonly Group[], testValidates: boolean): SplitNames | "no train" {
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

/** The images of a folder: the folders around them (outermost first), and their indices in the list of paths. */
interface Group {
  readonly folders: readonly string[]
  readonly items: Uint32Array
}

interface LabelledGroup extends Group {
  readonly label: number
}

/** Divides the images among paths by their folders. */
function groupsOf(paths: NameList): Group[] {
  const folders = new Map<string, number>()
  const folderOf = new Int32Array(paths.length).fill(-1)
  let item = 0
  for (const path of paths) {
    if (isImagePath(path)) {
      const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")))
      const index = folders.get(folder) ?? folders.size
      folders.set(folder, index)
      folderOf[item] = index
    }
    item++
  }
  const items = grouped(folderOf, folders.size)
  return Array.from(folders, ([folder, index]) => ({
    folders: folder === "" ? [] : folder.split("/"),
    items: at(items, index),
  }))
}

/** The images of groups, sorted by name within each group. */
function splitOfGroups(groups: readonly LabelledGroup[], paths: NameList): FolderSplit {
  const length = groups.reduce((sum, group) => sum + group.items.length, 0)
  const [items, labels] = [new Uint32Array(length), new Int32Array(length)]
  let place = 0
  for (const group of groups) {
    labels.fill(group.label, place, place + group.items.length)
    const sorted = Array.from(group.items, (item) => ({ item, path: paths.at(item) ?? "" })).sort((a, b) =>
      byCodePoint(a.path, b.path),
    )
    for (const { item } of sorted) items[place++] = item
  }
  return { items, labels }
}

function partOf({ items, labels }: FolderSplit, isIn: (place: number) => boolean): FolderSplit {
  return { items: items.filter((_, place) => isIn(place)), labels: labels.filter((_, place) => isIn(place)) }
}

const outermost = ({ folders: [folder = ""] }: Group): string => folder

/** Removes the outermost folder of groups. */
function withoutFolders(groups: readonly Group[]): Group[] {
  return groups.map(({ folders, items }) => ({ folders: folders.slice(1), items }))
}

/** Turns `class/train/image` into `train/class/image` if all images lie so, in two splits or more. */
function withSplitsOutside(groups: readonly Group[]): readonly Group[] {
  const inside = new Set(groups.map(({ folders: [, split = ""] }) => splitOf(split)))
  if (inside.size < 2 || inside.has(undefined) || !inside.has("train")) return groups
  return groups.map(({ folders: [label = "", split = "", ...rest], items }) => ({
    folders: [split, label, ...rest],
    items,
  }))
}

/** Removes the folders that enclose all images. The last folder above the files is a class, and stays. */
function withoutEnclosing(groups: readonly Group[]): readonly Group[] {
  const [first] = groups
  if (first === undefined || !groups.every(({ folders }) => folders.length > 1 && folders[0] === first.folders[0]))
    return groups
  return withoutEnclosing(withoutFolders(groups))
}
