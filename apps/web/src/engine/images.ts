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
import { decodeImage } from "@vitrine/data/web"
import { elementAt, valueIn } from "../checked.ts"
import { type Entry, unpack } from "./archive.ts"

/** The reader's pictures, at the size at which they are trained. */
export interface PictureSet {
  readonly name: string
  readonly classes: readonly string[]
  readonly side: number
  readonly train: PictureSplit
  readonly val: PictureSplit | null
}

interface PictureSplit {
  /** `[count, side, side, 3]` */
  readonly pixels: Uint8Array<ArrayBuffer>
  readonly labels: Int32Array<ArrayBuffer>
}

/** A picture that was drawn or photographed in the page. */
export interface Example {
  readonly className: string
  readonly image: ImageData
}

const mostBytes = 2 ** 30

/**
 * Reads images from a folder or a zip, with a folder for each class, and perhaps `train` and `val` above them.
 * @param onProgress is called now and then with the number of images that are read
 */
export async function readImages(
  entries: readonly Entry[],
  side: number,
  onProgress: (done: number, all: number) => void,
): Promise<PictureSet> {
  const files = await unpack(entries)
  const images = [...files].filter(([path]) => isImagePath(path))
  const [first = ""] = images[0] ?? []
  const name = /^([^/]+)\//.exec(first)?.[1] ?? entries[0]?.[0] ?? ""
  const { classes, train, val } = folderLayout(
    images.map(([path]) => path),
    name || "the folder",
  )
  const count = train.items.length + (val?.items.length ?? 0)
  checkSize(count, side)
  let done = 0
  const read = async ({ items, labels }: typeof train): Promise<PictureSplit> => {
    const data = new Uint8Array(items.length * side * side * 3)
    for (const [i, item] of items.entries()) {
      const [path, file] = elementAt(images, item)
      data.set(squarePixels(await decodeImage(file, path), side), i * side * side * 3)
      if (++done % 20 === 0) onProgress(done, count)
    }
    return { pixels: data, labels: Int32Array.from(labels) }
  }
  return { name, classes, side, train: await read(train), val: val === null ? null : await read(val) }
}

/** Drawings and photographs as data. Every fifth one of a class is held out. */
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
  return { name: "pictures", classes, side, train: await read(train), val: val.length === 0 ? null : await read(val) }
}

function checkSize(count: number, side: number): void {
  if (count * side * side * 3 > mostBytes)
    throw new VitrineError(
      "config",
      `${count} images of ${side} × ${side} take over 1 GiB; choose a smaller resolution`,
    )
}

/** The middle square at the size, as RGB bytes. */
function squarePixels(image: Image, side: number): Uint8Array {
  const { data } = applyTransforms(image, [toRgb(), resize(side), centerCrop([side, side])])
  return Uint8Array.from(data, (value) => Math.round(255 * value))
}

export function datasetsOf({ name, classes, side, train, val }: PictureSet): { train: Dataset; validation?: Dataset } {
  const open = (split: PictureSplit): Dataset =>
    pixels({ name, classes, height: side, width: side, channels: 3, pixels: split.pixels, labels: split.labels })
  return { train: open(train), ...(val === null ? {} : { validation: open(val) }) }
}

/** The files that keep pictures beside their run. */
export function filesOf({ name, classes, side, train, val }: PictureSet): Record<string, Uint8Array<ArrayBuffer>> {
  const bytes = (labels: Int32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => new Uint8Array(labels.buffer)
  return {
    "data/train.pixels": train.pixels,
    "data/train.labels": bytes(train.labels),
    ...(val === null ? {} : { "data/val.pixels": val.pixels, "data/val.labels": bytes(val.labels) }),
    "data/about.json": new TextEncoder().encode(JSON.stringify({ name, classes, side })),
  }
}

/** Pictures from those files; null where there are none. */
export function picturesFrom(files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>): PictureSet | null {
  const about = files["data/about.json"]
  const train = splitFrom(files, "train")
  if (about === undefined || train === null) return null
  const json: unknown = JSON.parse(new TextDecoder().decode(about))
  const [name, classes, side] = [valueIn(json, "name"), valueIn(json, "classes"), valueIn(json, "side")]
  if (typeof side !== "number" || !Array.isArray(classes))
    throw new VitrineError("file", "data/about.json: does not say the classes and the size of the pictures")
  return { name: String(name), classes: classes.map(String), side, train, val: splitFrom(files, "val") }
}

function splitFrom(
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
  split: "train" | "val",
): PictureSplit | null {
  const [bytes, labels] = [files[`data/${split}.pixels`], files[`data/${split}.labels`]]
  if (bytes === undefined || labels === undefined) return null
  return { pixels: bytes, labels: new Int32Array(labels.slice().buffer) }
}
