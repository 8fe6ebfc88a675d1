import { stat } from "node:fs/promises"
import { basename, dirname } from "node:path"
import { foldKey, keyFromSeed, permutation, VitrineError } from "@vitrine/core"
import { isImagePath } from "@vitrine/data"
import { type FileTree, openTree } from "@vitrine/data/internal/node"
import { type AnnotatedImage, type RawObject, usable } from "../data/annotations.ts"
import { parseCoco } from "../data/coco.ts"
import type { AnnotatedSource, DetectionSource } from "../data/dataset.ts"
import { sceneClasses } from "../data/scenes.ts"
import { type Faults, faultList } from "../data/faults.ts"
import { parseVoc, type VocImage } from "../data/voc.ts"

export interface ResolveDetectionOptions {
  /** Which annotations to read; by default COCO's where there are some, else Pascal VOC's. */
  readonly format?: "coco" | "voc" | undefined
  /** Share of the images to hold out where the data have no validation or test set of their own; default 0.1. */
  readonly valFraction?: number | undefined
  /** Decides which images those are, and the built-in scenes; default 0. */
  readonly seed?: number | undefined
  /** [height, width] of the built-in scenes. */
  readonly imageSize?: readonly [number, number] | undefined
}

export interface ResolvedDetection {
  readonly classes: readonly string[]
  readonly train: DetectionSource | null
  readonly val: DetectionSource | null
  readonly test: DetectionSource | null
  /** What was passed over in the annotation files. */
  readonly faults: Faults
}

type Split = "train" | "val" | "test"

/** Larger annotation files are refused before they are read; JavaScript's strings end near 2²⁹ characters. */
const mostJson = 500 * 2 ** 20
const mostXml = 16 * 2 ** 20

/**
 * Finds the images, objects and splits in what a user names:
 * - `scenes`: the built-in scenes, 20,000, 500 and 500 of them,
 * - a folder or a .tar, .tar.gz or .tgz with annotations in COCO's JSON (or such a JSON file) and images anywhere below:
 *   a file each for train, val and test, by their names or folders; or one, whose images say their `split`, or are drawn,
 * - the same with Pascal VOC's XML: `Annotations/*.xml` and `ImageSets/Main/train.txt` …; or folders called train and val.
 *
 * Boxes that cannot be used and images that are missing are passed over and told in `faults`.
 * @throws VitrineError naming the path and what was expected
 */
export async function resolveDetection(
  pathOrName: string,
  options: ResolveDetectionOptions = {},
): Promise<ResolvedDetection> {
  const { format, valFraction = 0.1, seed = 0, imageSize } = options
  if (!(valFraction >= 0 && valFraction < 1))
    throw new VitrineError("config", `valFraction must be in [0, 1), got ${valFraction}`)
  const found = await stat(pathOrName).catch(() => undefined)
  if (pathOrName === "scenes" && !found?.isDirectory()) return builtIn(seed, imageSize)
  if (found === undefined)
    throw new VitrineError("file", `${pathOrName}: no such file or folder, and the built-in data are called "scenes"`)
  const single = found.isFile() && /\.json$/i.test(pathOrName) ? basename(pathOrName) : undefined
  const above = dirname(pathOrName)
  const root = single === undefined ? pathOrName : basename(above) === "annotations" ? dirname(above) : above
  const tree = await openTree(root, (name) => isAnnotation(name))
  try {
    const chosen = (name: string): boolean =>
      single === undefined ? isCoco(name) : name === single || name === `annotations/${single}`
    const json = tree.names.filter((name) => isVisible(name) && chosen(name))
    const faults = faultList()
    const set =
      format === "voc" || (format === undefined && json.length === 0)
        ? await vocSet(tree, faults)
        : await cocoSet(tree, json, faults)
    return resolved(tree, set, faults, { valFraction, seed })
  } finally {
    await tree.close()
  }
}

const isVisible = (name: string): boolean =>
  !name.split("/").some((part) => part.startsWith(".") || part === "__MACOSX")
const isCoco = (name: string): boolean => /(^|\/)[^/]*(annotations|instances|coco)[^/]*\.json$/i.test(name)
const setFile = /^(.*\/)?ImageSets\/Main\/(train|val|test|trainval)\.txt$/
const isAnnotation = (name: string): boolean => /\.(json|xml)$/i.test(name) || setFile.test(name)

function builtIn(seed: number, imageSize: readonly [number, number] = [64, 64]): ResolvedDetection {
  const part = (split: Split, size: number): DetectionSource => ({ kind: "scenes", split, size, seed, imageSize })
  const classes = sceneClasses
  return {
    classes,
    train: part("train", 20_000),
    val: part("val", 500),
    test: part("test", 500),
    faults: { count: 0, lines: [] },
  }
}

/** The images of a data set, each with the file of the tree that holds it. */
interface AnnotatedSet {
  readonly classes: readonly string[]
  readonly images: readonly (Omit<AnnotatedImage, "split"> & { readonly splits: readonly Split[] })[]
}

async function cocoSet(
  tree: FileTree,
  json: readonly string[],
  faults: ReturnType<typeof faultList>,
): Promise<AnnotatedSet> {
  if (json.length === 0)
    throw new VitrineError(
      "file",
      `${tree.path}: holds no COCO annotations, such as annotations.json or annotations/instances_train.json`,
    )
  const find = imageFinder(tree.names)
  const images: AnnotatedSet["images"][number][] = []
  let classes: readonly string[] | undefined
  for (const name of json) {
    const coco = parseCoco(await text(tree, name, mostJson), name, faults.add)
    classes ??= coco.classes
    if (classes.join("\n") !== coco.classes.join("\n"))
      throw new VitrineError("file", `${tree.path}: the categories of ${name} are not those of ${json[0]}`)
    const own = splitOf(basename(name)) ?? splitOf(name)
    for (const { split, ...image } of coco.images) {
      const file = find.byPath(image.file, dirname(name))
      const part = json.length > 1 ? (own ?? splitOf(split)) : (splitOf(split) ?? own)
      if (typeof file !== "string") faults.add(`${name}, image ${image.file}: ${file.fault}; left out`)
      else images.push({ ...image, file, splits: part === undefined ? [] : [part] })
    }
  }
  return { classes: classes ?? [], images }
}

async function vocSet(tree: FileTree, faults: ReturnType<typeof faultList>): Promise<AnnotatedSet> {
  const xml = tree.names.filter((name) => isVisible(name) && /\.xml$/i.test(name))
  if (xml.length === 0)
    throw new VitrineError("file", `${tree.path}: holds neither COCO annotations (JSON) nor Pascal VOC's (XML)`)
  const splits = await vocSplits(tree, xml, faults)
  const find = imageFinder(tree.names)
  const parsed: { name: string; voc: VocImage; file: string }[] = []
  for (const name of xml) {
    if (splits !== undefined && !splits.has(name)) continue
    try {
      const voc = parseVoc(await text(tree, name, mostXml), name, faults.add)
      const stem = name.replace(/^.*\//, "").replace(/\.xml$/i, "")
      const byStem = find.byStem(stem, dirname(name))
      const file = typeof byStem === "string" || voc.file === undefined ? byStem : find.byPath(voc.file, dirname(name))
      if (typeof file !== "string") faults.add(`${name}: ${file.fault}; left out`)
      else parsed.push({ name, voc, file })
    } catch (error) {
      if (!VitrineError.isInstance(error)) throw error
      faults.add(`${error.message}; left out`)
    }
  }
  const classes = [...new Set(parsed.flatMap(({ voc }) => voc.objects.map((object) => object.name)))].sort()
  const labelOf = new Map(classes.map((name, label) => [name, label]))
  return {
    classes,
    images: parsed.map(({ name, voc: { width, height, objects }, file }) => {
      const raw = objects.map(
        (object, i): RawObject => ({
          name: `${name}, object ${i} (${object.name})`,
          box: object.box,
          label: labelOf.get(object.name) as number,
          crowd: object.difficult,
        }),
      )
      const part = splitOf(dirname(name))
      const own = splits?.get(name) ?? (part === undefined ? [] : [part])
      return { file, width, height, objects: usable(raw, width, height, faults.add), splits: own }
    }),
  }
}

/** The parts that the lists in ImageSets/Main put each annotation in; undefined without lists. */
async function vocSplits(
  tree: FileTree,
  xml: readonly string[],
  faults: ReturnType<typeof faultList>,
): Promise<ReadonlyMap<string, readonly Split[]> | undefined> {
  const lists = tree.names.flatMap((name) => {
    const [, root = "", split] = setFile.exec(name) ?? []
    return split === undefined ? [] : [{ name, root, split }]
  })
  if (lists.length === 0) return undefined
  const there = new Set(xml)
  const splits = new Map<string, Split[]>()
  // What is trained and validated on together counts where there is no list of either.
  const needed = ({ split, root }: (typeof lists)[number]): boolean =>
    split !== "trainval" || !lists.some((other) => other.root === root && other.split === "train")
  for (const { name, root, split } of lists.filter(needed)) {
    for (const line of (await text(tree, name, mostXml)).split(/\r?\n/)) {
      const id = line.trim()
      if (id === "") continue
      const file = `${root}Annotations/${id}.xml`
      if (!there.has(file)) faults.add(`${name}: there is no annotation ${JSON.stringify(file.slice(-80))}; left out`)
      else splits.set(file, [...(splits.get(file) ?? []), split === "trainval" ? "train" : (split as Split)])
    }
  }
  return splits
}

function resolved(
  tree: FileTree,
  { classes, images }: AnnotatedSet,
  faults: Faults,
  { valFraction, seed }: { valFraction: number; seed: number },
): ResolvedDetection {
  const of = (split: Split): AnnotatedSet["images"][number][] => images.filter(({ splits }) => splits.includes(split))
  const unsplit = images.filter(({ splits }) => splits.length === 0)
  let train = [...of("train"), ...unsplit]
  let val = of("val")
  const test = of("test")
  if (val.length === 0 && test.length === 0 && valFraction > 0 && train.length > 1) {
    const order = permutation(foldKey(keyFromSeed(seed), "split"), train.length)
    const held = new Set(order.subarray(0, Math.max(1, Math.round(train.length * valFraction))))
    val = train.filter((_, i) => held.has(i))
    train = train.filter((_, i) => !held.has(i))
  }
  if (train.length + val.length + test.length === 0)
    throw new VitrineError(
      "file",
      `${tree.path}: none of its annotations can be used${faults.count > 0 ? `: ${faults.lines[0]}` : ""}`,
    )
  const source = (part: typeof train, split: Split): AnnotatedSource | null =>
    part.length === 0
      ? null
      : {
          kind: "annotated",
          name: `${basename(tree.path)} ${split}`,
          classes,
          images: tree.images(
            part.map(({ file }) => file),
            `${basename(tree.path)} ${split}`,
          ),
          sizes: part.map(({ height, width }) => [height, width]),
          objects: part.map(({ objects }) => objects),
        }
  return {
    classes,
    train: source(train, "train"),
    val: source(val, "val"),
    test: source(test, "test"),
    faults: { count: faults.count, lines: faults.lines },
  }
}

/** Which part of the data a name speaks of: `instances_train2017.json`, `valid/_annotations.coco.json`. */
function splitOf(name = ""): Split | undefined {
  const [, word] = /(?:^|[^a-z])(train|valid|validation|val|test)(?![a-z])/i.exec(name) ?? []
  if (word === undefined) return undefined
  return word.toLowerCase().startsWith("val") ? "val" : (word.toLowerCase() as Split)
}

type Found = string | { readonly fault: string }

/** Finds images by a path from the annotation's folder, or by the end or the stem of their path: the nearest, if it is one. */
function imageFinder(names: readonly string[]): {
  byPath(file: string, folder: string): Found
  byStem(stem: string, folder: string): Found
} {
  const images = names.filter(isImagePath)
  const paths = new Set(images)
  const named = new Map<string, string[]>()
  const stems = new Map<string, string[]>()
  const put = (map: Map<string, string[]>, key: string, path: string): void => {
    const list = map.get(key)
    if (list === undefined) map.set(key, [path])
    else list.push(path)
  }
  for (const path of images) {
    const name = path.slice(path.lastIndexOf("/") + 1)
    put(named, name, path)
    put(stems, name.replace(/\.[^.]*$/, ""), path)
  }
  const nearest = (candidates: readonly string[], wanted: string, folder: string): Found => {
    let most = -1
    let near: string[] = []
    for (const path of candidates) {
      const parts = commonParts(path, folder)
      if (parts > most) near = []
      most = Math.max(most, parts)
      if (parts === most) near.push(path)
    }
    if (near.length === 1) return near[0] as string
    const shown = JSON.stringify(wanted.slice(-80))
    return { fault: near.length === 0 ? `there is no image ${shown}` : `there are ${near.length} images ${shown}` }
  }
  return {
    byPath(file, folder) {
      const clean = file.replaceAll("\\", "/").replace(/^(\.?\/)+/, "")
      const beside = folder === "." ? clean : `${folder}/${clean}`
      if (paths.has(beside)) return beside
      const candidates = named.get(clean.slice(clean.lastIndexOf("/") + 1)) ?? []
      const ending = candidates.filter((path) => path === clean || path.endsWith(`/${clean}`))
      return nearest(ending.length > 0 ? ending : candidates, file, folder)
    },
    byStem: (stem, folder) => nearest(stems.get(stem) ?? [], stem, folder),
  }
}

/** How many folders two paths begin with in common. */
function commonParts(a: string, b: string): number {
  const [left, right] = [a.split("/"), b.split("/")]
  const end = left.findIndex((part, i) => part !== right[i])
  return end < 0 ? left.length : end
}

async function text(tree: FileTree, name: string, most: number): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await tree.read(name, most))
  } catch (error) {
    if (VitrineError.isInstance(error)) throw error
    throw new VitrineError("file", `${name}: is not UTF-8 text`, { cause: error })
  }
}
