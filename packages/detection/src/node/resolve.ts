import { stat } from "node:fs/promises"
import { basename, dirname } from "node:path"
import { foldKey, hasRow, keyFromSeed, VitrineError } from "@vitrine/core"
import { isImagePath } from "@vitrine/data"
import { drawnShare, type FileTree, openTree, type ParquetPlace, textLines } from "@vitrine/data/internal/node"
import { type AnnotatedImage, type RawObject, validObjects } from "../data/annotations.ts"
import { parseCoco } from "../data/coco.ts"
import type { AnnotatedSource, DetectionSource } from "../data/dataset.ts"
import { sceneClasses } from "../data/scenes.ts"
import { type FaultList, type Faults, faultList } from "../data/faults.ts"
import type { VocImage } from "../data/voc.ts"
import type { ResolvedDetection, ResolveDetectionOptions } from "./options.ts"
import { resolveParquetDetection } from "./parquet.ts"

/** The split of each list of Pascal VOC, by the list's name. */
const vocLists = { train: "train", val: "val", test: "test", trainval: "train" } as const

/** Names of files and folders that mean a split. */
const splitWords = { train: "train", valid: "val", validation: "val", val: "val", test: "test" } as const

type Split = (typeof splitWords)[keyof typeof splitWords]

/** A larger annotation file is refused before it is read. A JavaScript string holds about 2²⁹ characters at most. */
const mostJson = 500 * 2 ** 20
/** An annotation of one image with ten objects has 3 kB. */
const mostXml = 2 ** 20
const mostList = 16 * 2 ** 20

/**
 * Finds the images, objects and splits of:
 * - `scenes`: the built-in scenes, 20,000, 500 and 500 of them;
 * - a folder or a .tar, .tar.gz or .tgz with annotations in COCO's JSON (or such a JSON file) and with images anywhere
 *   below. The splits follow from the names of several JSON files or their folders, or from the images' field `split`.
 *   Otherwise the split is random;
 * - Parquet, here or at an address, with images and lists of boxes and categories, as data sets of the Hugging Face
 *   hub have them (`objects`);
 * - a folder or archive with Pascal VOC's XML: `Annotations/*.xml` and `ImageSets/Main/train.txt` …, or folders called
 *   train and val.
 *
 * Unusable boxes and missing images are left out, each with a line in `faults`.
 * @throws VitrineError that names the path and what was expected
 */
export async function resolveDetection(
  pathOrName: ParquetPlace,
  options: ResolveDetectionOptions = {},
): Promise<ResolvedDetection> {
  const { format, valFraction = 0.1, seed = 0, imageSize } = options
  if (!(valFraction >= 0 && valFraction < 1))
    throw new VitrineError("config", `valFraction must be in [0, 1), got ${valFraction}`)
  const parquet =
    pathOrName === "scenes" ? undefined : await resolveParquetDetection(pathOrName, { ...options, valFraction, seed })
  if (parquet !== undefined) return parquet
  if (typeof pathOrName !== "string") throw new VitrineError("file", `${pathOrName.title}: holds no Parquet`)
  const entry = await stat(pathOrName).catch(() => undefined)
  if (pathOrName === "scenes" && !entry?.isDirectory()) return resolvedScenes(seed, imageSize)
  if (entry === undefined)
    throw new VitrineError("file", `${pathOrName}: no such file or folder, and the built-in data are called "scenes"`)
  const single = entry.isFile() && /\.json$/i.test(pathOrName) ? basename(pathOrName) : undefined
  const above = dirname(pathOrName)
  const root = single === undefined ? pathOrName : basename(above) === "annotations" ? dirname(above) : above
  const tree = await openTree(root, (name) => isAnnotation(name))
  try {
    const isSelected = (name: string): boolean =>
      single === undefined ? isCoco(name) : name === single || name === `annotations/${single}`
    const json = tree.others.filter((name) => isVisible(name) && isSelected(name))
    const faults = faultList()
    const set =
      format === "voc" || (format === undefined && json.length === 0)
        ? await vocSet(tree, faults)
        : await cocoSet(tree, json, faults)
    return splitSources(tree, set, faults, { valFraction, seed })
  } finally {
    await tree.close()
  }
}

const isVisible = (name: string): boolean =>
  !name.split("/").some((part) => part.startsWith(".") || part === "__MACOSX")
const isCoco = (name: string): boolean => /(^|\/)[^/]*(annotations|instances|coco)[^/]*\.json$/i.test(name)
const setFile = /^(.*\/)?ImageSets\/Main\/(\w+)\.txt$/
const isAnnotation = (name: string): boolean => /\.(json|xml)$/i.test(name) || setFile.test(name)

function resolvedScenes(seed: number, imageSize: readonly [number, number] = [64, 64]): ResolvedDetection {
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

/** The images of a data set. `file` is a name of the tree. */
interface AnnotatedSet {
  readonly classes: readonly string[]
  readonly images: readonly SplitImage[]
}

interface SplitImage extends Omit<AnnotatedImage, "split"> {
  /** The splits to which the image belongs. */
  readonly splits: readonly Split[]
}

async function cocoSet(tree: FileTree, json: readonly string[], faults: FaultList): Promise<AnnotatedSet> {
  if (json.length === 0)
    throw new VitrineError(
      "file",
      `${tree.path}: holds no COCO annotations, such as annotations.json or annotations/instances_train.json`,
    )
  const find = imageFinder(tree.names)
  const images: SplitImage[] = []
  let classes: readonly string[] | undefined
  for (const name of json) {
    const coco = parseCoco(await text(tree, name, mostJson), name, faults.add)
    classes ??= coco.classes
    if (classes.join("\n") !== coco.classes.join("\n"))
      throw new VitrineError("file", `${tree.path}: the categories of ${name} are not those of ${json[0]}`)
    const splitOfFile = splitOf(basename(name)) ?? splitOf(name)
    for (const { split: imageSplit, ...image } of coco.images) {
      const file = find.byPath(image.file, dirname(name))
      const split = json.length > 1 ? (splitOfFile ?? splitOf(imageSplit)) : (splitOf(imageSplit) ?? splitOfFile)
      if (typeof file !== "string") faults.add(`${name}, image ${image.file}: ${file.fault}; left out`)
      else images.push({ ...image, file, splits: split === undefined ? [] : [split] })
    }
  }
  return { classes: classes ?? [], images }
}

async function vocSet(tree: FileTree, faults: FaultList): Promise<AnnotatedSet> {
  const xml = tree.others.filter((name) => isVisible(name) && /\.xml$/i.test(name))
  if (xml.length === 0)
    throw new VitrineError("file", `${tree.path}: holds neither COCO annotations (JSON) nor Pascal VOC's (XML)`)
  const { parseVoc } = await import("../data/voc.ts")
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
          label: labelOf.get(object.name) ?? -1,
          crowd: object.difficult,
        }),
      )
      const folderSplit = splitOf(dirname(name))
      const objectList = validObjects(raw, width, height, faults.add)
      const listed = splits?.get(name) ?? (folderSplit === undefined ? [] : [folderSplit])
      return { file, width, height, objects: objectList, splits: [...listed] }
    }),
  }
}

/** The splits of each annotation by the lists in ImageSets/Main, or undefined if there are no lists. */
async function vocSplits(
  tree: FileTree,
  xml: readonly string[],
  faults: FaultList,
): Promise<ReadonlyMap<string, ReadonlySet<Split>> | undefined> {
  const lists = tree.others.flatMap((name) => {
    const [, root = "", list] = setFile.exec(name) ?? []
    return hasRow(vocLists, list) ? [{ name, root, list }] : []
  })
  if (lists.length === 0) return undefined
  const annotations = new Set(xml)
  const splits = new Map<string, Set<Split>>()
  // `trainval` counts only if there is no `train`, since the two lists share images.
  const counts = ({ list, root }: (typeof lists)[number]): boolean =>
    list !== "trainval" || !lists.some((other) => other.root === root && other.list === "train")
  for (const { name, root, list } of lists.filter(counts)) {
    for (const line of textLines(await text(tree, name, mostList))) {
      const id = line.trim()
      if (id === "") continue
      const file = `${root}Annotations/${id}.xml`
      if (!annotations.has(file))
        faults.add(`${name}: there is no annotation ${JSON.stringify(file.slice(-80))}; left out`)
      else splits.set(file, (splits.get(file) ?? new Set()).add(vocLists[list]))
    }
  }
  return splits
}

function splitSources(
  tree: FileTree,
  { classes, images }: AnnotatedSet,
  faults: Faults,
  { valFraction, seed }: { valFraction: number; seed: number },
): ResolvedDetection {
  const inSplit = (split: Split): SplitImage[] => images.filter(({ splits }) => splits.includes(split))
  const unsplit = images.filter(({ splits }) => splits.length === 0)
  let train = [...inSplit("train"), ...unsplit]
  let val = inSplit("val")
  const test = inSplit("test")
  if (val.length === 0 && test.length === 0) {
    const validated = new Set(drawnShare(foldKey(keyFromSeed(seed), "split"), train.length, valFraction))
    val = train.filter((_, i) => validated.has(i))
    train = train.filter((_, i) => !validated.has(i))
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

/** The split in a name such as `instances_train2017.json` or `valid/_annotations.coco.json`. */
function splitOf(name = ""): Split | undefined {
  const [, word] = /(?:^|[^a-z])(train|valid|validation|val|test)(?![a-z])/i.exec(name) ?? []
  const lower = word?.toLowerCase()
  return hasRow(splitWords, lower) ? splitWords[lower] : undefined
}

/** The name of an image in the tree, or the reason why there is none. */
type ImageName = string | { readonly fault: string }

/**
 * Finds the image of an annotation. If several images have its name, it takes the one whose folder is nearest to the
 * annotation's.
 */
interface ImageFinder {
  /** @param file a path from the folder, or the end of a path */
  byPath(file: string, folder: string): ImageName
  /** @param stem the name of the file without its ending */
  byStem(stem: string, folder: string): ImageName
}

function imageFinder(names: Iterable<string>): ImageFinder {
  const images = [...names].filter(isImagePath)
  const paths = new Set(images)
  const byName = new Map<string, string[]>()
  const stems = new Map<string, string[]>()
  const put = (map: Map<string, string[]>, key: string, path: string): void => {
    const list = map.get(key)
    if (list === undefined) map.set(key, [path])
    else list.push(path)
  }
  for (const path of images) {
    const name = path.slice(path.lastIndexOf("/") + 1)
    put(byName, name, path)
    put(stems, name.replace(/\.[^.]*$/, ""), path)
  }
  const nearest = (candidates: readonly string[], file: string, folder: string): ImageName => {
    let most = -1
    let near: string[] = []
    for (const path of candidates) {
      const parts = commonParts(path, folder)
      if (parts > most) near = []
      most = Math.max(most, parts)
      if (parts === most) near.push(path)
    }
    const [only, ...others] = near
    const name = JSON.stringify(file.slice(-80))
    if (only === undefined) return { fault: `there is no image ${name}` }
    return others.length === 0 ? only : { fault: `there are ${near.length} images ${name}` }
  }
  return {
    byPath(file, folder) {
      const clean = file.replaceAll("\\", "/").replace(/^(\.?\/)+/, "")
      const beside = folder === "." ? clean : `${folder}/${clean}`
      if (paths.has(beside)) return beside
      const candidates = byName.get(clean.slice(clean.lastIndexOf("/") + 1)) ?? []
      const ending = candidates.filter((path) => path === clean || path.endsWith(`/${clean}`))
      return nearest(ending.length > 0 ? ending : candidates, file, folder)
    },
    byStem: (stem, folder) => nearest(stems.get(stem) ?? [], stem, folder),
  }
}

/** The number of leading folders that two paths share. */
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
