import { VitrineError } from "@vitrine/core"
import {
  applyTransforms,
  centerCrop,
  type Dataset,
  folderLayout,
  type Image,
  isImagePath,
  pixels,
  resize,
  toRgb,
} from "@vitrine/data"
import { decodeImage, readParquet } from "@vitrine/data/web"
import { elementAt, valueIn } from "../checked.ts"
import { type Entry, unpack } from "./archive.ts"

/** The reader's pictures in the size for training. */
export interface PictureSet {
  readonly name: string
  readonly classes: readonly string[]
  readonly side: number
  readonly train: PictureSplit
  readonly val: PictureSplit | null
  /** Pictures for the evaluation if there are none for validation. They do not decide which model is kept. */
  readonly test: PictureSplit | null
}

interface PictureSplit {
  /** `[count, side, side, 3]` */
  readonly pixels: Uint8Array<ArrayBuffer>
  readonly labels: Int32Array<ArrayBuffer>
}

/** A picture that the reader drew or photographed in the page. */
export interface Example {
  readonly className: string
  readonly image: ImageData
}

const mostBytes = 2 ** 30

/** The pictures of a folder or a zip, and the faults of pictures that were left out. */
export interface ReadPictures {
  readonly pictures: PictureSet
  /** A line for each picture that cannot be read. */
  readonly faults: readonly string[]
  /** A line for each kind of files that are not used: tables, arrays, images of other formats. */
  readonly passedOver: readonly string[]
}

/** Receives the number of images read so far from time to time. */
type OnProgress = (done: number, all: number) => void

/**
 * Reads images from a folder or a zip, or from Parquet files. In a folder each class has a folder. Folders `train` and
 * `val` may stand above these.
 * @throws VitrineError (file or config) if fewer than two classes have readable images
 */
export async function readImages(
  entries: readonly Entry[],
  side: number,
  onProgress: OnProgress,
): Promise<ReadPictures> {
  const all = [...(await unpack(entries))]
  const images = all.filter(([path]) => isImagePath(path))
  const others = all.filter(([path]) => !isImagePath(path))
  const parquet = others.filter(([path]) => /\.parquet$/i.test(path))
  if (images.length === 0 && parquet.length > 0) {
    const rest = others.filter((entry) => !parquet.includes(entry))
    return readParquetImages(parquet, rest, side, onProgress)
  }
  const { readable, faults } = await readSquares(
    images.map(([path, file]) => ({ name: path, file })),
    side,
    onProgress,
  )
  const name = setName(
    entries,
    images.map(([path]) => path),
  )
  // With them a class without a readable image is refused, and files that are no images are named.
  const otherPaths = others.map(([path]) => path)
  const paths = readable.map(({ picture }) => picture.name)
  const { classes, train, val, test, passedOver } = folderLayout([...paths, ...otherPaths], name)
  if (classes.length < 2)
    throw new VitrineError(
      "file",
      `${name}: all its images are of one class, "${classes.join()}": put those of each class in a folder, such as ${name}/cat/1.jpg`,
    )
  const split = ({ items, labels }: typeof train): PictureSplit =>
    splitOf(
      Array.from(items, (item) => elementAt(readable, item).square),
      labels,
      side,
    )
  const pictures = { name, classes, side, train: split(train), val: val && split(val), test: test && split(test) }
  return { pictures, faults, passedOver }
}

async function readParquetImages(
  files: readonly Entry[],
  others: readonly Entry[],
  side: number,
  onProgress: OnProgress,
): Promise<ReadPictures> {
  const first = files[0]?.[0] ?? ""
  const name = files.length === 1 ? first.replace(/^.*\//, "") : (first.split("/")[0] ?? first)
  const { classes, splits, passedOver } = await readParquet(files, name)
  if (classes.length < 2)
    throw new VitrineError("file", `${name}: all its images are of one class, "${classes.join()}"; two are needed`)
  const list = (["train", "val", "test"] as const).flatMap((split) =>
    splits[split].map(({ bytes, ...picture }) => ({ ...picture, split, file: bytes })),
  )
  const { readable, faults } = await readSquares(list, side, onProgress)
  const split = (wanted: (typeof list)[number]["split"]): PictureSplit => {
    const some = readable.filter(({ picture }) => picture.split === wanted)
    return splitOf(
      some.map(({ square }) => square),
      some.map(({ picture }) => picture.label),
      side,
    )
  }
  const orNull = (part: PictureSplit): PictureSplit | null => (part.labels.length > 0 ? part : null)
  const pictures = {
    name,
    classes,
    side,
    train: split("train"),
    val: orNull(split("val")),
    test: orNull(split("test")),
  }
  return { pictures, faults, passedOver: [...passedOver, ...unusedLines(others)] }
}

/** A line with the number of files that are not used beside Parquet, or no line. */
const unusedLines = ([first, ...more]: readonly Entry[]): string[] =>
  first === undefined ? [] : [`${1 + more.length} files beside Parquet, such as ${first[0]}`]

interface Picture {
  readonly name: string
  readonly file: Blob | Uint8Array
}

interface ReadSquares<P> {
  readonly readable: readonly { readonly picture: P; readonly square: Uint8Array }[]
  /** A line for each picture that cannot be read. */
  readonly faults: readonly string[]
}

/**
 * Decodes pictures to squares.
 * @throws VitrineError (file) the fault of the first if all are broken
 */
async function readSquares<P extends Picture>(
  pictures: readonly P[],
  side: number,
  onProgress: OnProgress,
): Promise<ReadSquares<P>> {
  checkSize(pictures.length, side)
  const faults: string[] = []
  const readable: { readonly picture: P; readonly square: Uint8Array }[] = []
  for (const [i, picture] of pictures.entries()) {
    try {
      readable.push({ picture, square: squarePixels(await decodeImage(picture.file, picture.name), side) })
    } catch (error) {
      if (!VitrineError.isInstance(error)) throw error
      faults.push(error.message)
    }
    if ((i + 1) % 20 === 0) onProgress(i + 1, pictures.length)
  }
  const [fault] = faults
  if (readable.length === 0 && fault !== undefined) throw new VitrineError("file", fault)
  return { readable, faults }
}

function splitOf(squares: readonly Uint8Array[], labels: ArrayLike<number>, side: number): PictureSplit {
  const size = side * side * 3
  const pixels = new Uint8Array(squares.length * size)
  for (const [i, square] of squares.entries()) pixels.set(square, i * size)
  return { pixels, labels: Int32Array.from(labels) }
}

/** The name of the folder that contains all images, or else of the archive. */
function setName(entries: readonly Entry[], paths: readonly string[]): string {
  const [outer = ""] = paths[0]?.split("/") ?? []
  const [archive = "the folder"] = entries[0] ?? []
  const isCommon = paths.every((path) => path.startsWith(`${outer}/`))
  return outer !== "" && isCommon ? outer : archive.replace(/\.zip$/i, "")
}

/** Makes a data set of drawings and photographs. Every fifth picture of a class is held out. */
export async function readExamples(examples: readonly Example[], side: number): Promise<PictureSet> {
  const classes = [...new Set(examples.map(({ className }) => className))].sort()
  if (classes.length < 2) throw new VitrineError("config", "training needs two classes or more, with a picture each")
  checkSize(examples.length, side)
  const counts = new Map<string, number>()
  const train: Example[] = []
  const val: Example[] = []
  for (const example of examples) {
    const nth = (counts.get(example.className) ?? 0) + 1
    counts.set(example.className, nth)
    if (nth % 5 === 0) val.push(example)
    else train.push(example)
  }
  const read = async (split: readonly Example[]): Promise<PictureSplit> => {
    const data = new Uint8Array(split.length * side * side * 3)
    for (const [i, { image }] of split.entries())
      data.set(squarePixels(await decodeImage(image), side), i * side * side * 3)
    return { pixels: data, labels: Int32Array.from(split, ({ className }) => classes.indexOf(className)) }
  }
  return {
    name: "pictures",
    classes,
    side,
    train: await read(train),
    val: val.length === 0 ? null : await read(val),
    test: null,
  }
}

function checkSize(count: number, side: number): void {
  if (count * side * side * 3 > mostBytes)
    throw new VitrineError(
      "config",
      `${count} images of ${side} × ${side} take over 1 GiB; choose a smaller resolution`,
    )
}

/** The middle square of a picture, resized, as RGB bytes. */
function squarePixels(image: Image, side: number): Uint8Array {
  const { data } = applyTransforms(image, [toRgb(), resize(side), centerCrop([side, side])])
  return Uint8Array.from(data, (value) => Math.round(255 * value))
}

export function datasetsOf({ name, classes, side, train, val, test }: PictureSet): {
  train: Dataset
  validation?: Dataset
  test?: Dataset
} {
  const open = (split: PictureSplit): Dataset =>
    pixels({ name, classes, height: side, width: side, channels: 3, pixels: split.pixels, labels: split.labels })
  return { train: open(train), ...(val && { validation: open(val) }), ...(test && { test: open(test) }) }
}

/** Files with the pictures of a run. They are stored beside the run. */
export function filesOf({ name, classes, side, ...splits }: PictureSet): Record<string, Uint8Array<ArrayBuffer>> {
  const files = (["train", "val", "test"] as const).flatMap((name) => {
    const split = splits[name]
    if (split === null) return []
    const { pixels, labels } = split
    return [[`data/${name}.pixels`, pixels] as const, [`data/${name}.labels`, new Uint8Array(labels.buffer)] as const]
  })
  return {
    ...Object.fromEntries(files),
    "data/about.json": new TextEncoder().encode(JSON.stringify({ name, classes, side })),
  }
}

/** Reads the pictures from such files. Returns null if there are none. */
export function picturesFrom(files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>): PictureSet | null {
  const about = files["data/about.json"]
  const train = splitFrom(files, "train")
  if (about === undefined || train === null) return null
  const json: unknown = JSON.parse(new TextDecoder().decode(about))
  const [name, classes, side] = [valueIn(json, "name"), valueIn(json, "classes"), valueIn(json, "side")]
  if (typeof side !== "number" || !Array.isArray(classes))
    throw new VitrineError("file", "data/about.json: does not say the classes and the size of the pictures")
  return {
    name: String(name),
    classes: classes.map(String),
    side,
    train,
    val: splitFrom(files, "val"),
    test: splitFrom(files, "test"),
  }
}

function splitFrom(
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
  split: "train" | "val" | "test",
): PictureSplit | null {
  const [bytes, labels] = [files[`data/${split}.pixels`], files[`data/${split}.labels`]]
  if (bytes === undefined || labels === undefined) return null
  return { pixels: bytes, labels: new Int32Array(labels.slice().buffer) }
}
