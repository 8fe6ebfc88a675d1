import { VitrineError } from "@vitrine/core"
import {
  applyTransforms,
  centerCrop,
  type Dataset,
  type Image,
  isImagePath,
  folderLayout,
  pixels,
  resize,
  toRgb,
} from "@vitrine/data"
import { decodeImage } from "@vitrine/data/web"
import { type Entry, unpack } from "./archive.ts"

/** Images of one's own, at the size at which they are trained. */
export interface OwnData {
  readonly name: string
  readonly classes: readonly string[]
  readonly side: number
  readonly train: OwnPart
  readonly val: OwnPart | null
}

interface OwnPart {
  /** `[count, side, side, 3]` */
  readonly pixels: Uint8Array
  readonly labels: Int32Array
}

/** A picture that was drawn or photographed in the page. */
export interface Example {
  readonly className: string
  readonly image: ImageData
}

const mostBytes = 2 ** 30

/**
 * Reads images from a folder or a zip, with a folder for each class, and perhaps `train` and `val` above them.
 * @param told is called now and then with how many are done.
 */
export async function readImages(
  entries: readonly Entry[],
  side: number,
  told: (done: number, all: number) => void,
): Promise<OwnData> {
  const files = await unpack(entries)
  const paths = [...files.keys()].filter(isImagePath)
  const name = /^([^/]+)\//.exec(paths[0] ?? "")?.[1] ?? entries[0]?.[0] ?? ""
  const { classes, train, val } = folderLayout(paths, name || "the folder")
  const count = train.items.length + (val?.items.length ?? 0)
  checkSize(count, side)
  let done = 0
  const read = async (part: { readonly items: readonly number[]; readonly labels: Int32Array }): Promise<OwnPart> => {
    const data = new Uint8Array(part.items.length * side * side * 3)
    for (const [i, item] of part.items.entries()) {
      const path = paths[item] as string
      data.set(squared(await decodeImage(files.get(path) as Blob, path), side), i * side * side * 3)
      if (++done % 20 === 0) told(done, count)
    }
    return { pixels: data, labels: part.labels }
  }
  return { name, classes, side, train: await read(train), val: val === null ? null : await read(val) }
}

/** Drawn and photographed pictures as data; every fifth of a class is held out where it has ten or more. */
export async function readExamples(examples: readonly Example[], side: number): Promise<OwnData> {
  const classes = [...new Set(examples.map(({ className }) => className))].sort()
  if (classes.length < 2) throw new VitrineError("config", "training needs two classes or more, with a picture each")
  checkSize(examples.length, side)
  const seen = new Map<string, number>()
  const parts = { train: [] as Example[], val: [] as Example[] }
  for (const example of examples) {
    const nth = (seen.get(example.className) ?? 0) + 1
    seen.set(example.className, nth)
    parts[nth % 5 === 0 ? "val" : "train"].push(example)
  }
  const read = async (part: readonly Example[]): Promise<OwnPart> => {
    const data = new Uint8Array(part.length * side * side * 3)
    for (const [i, { image }] of part.entries()) data.set(squared(await decodeImage(image), side), i * side * side * 3)
    return { pixels: data, labels: Int32Array.from(part, ({ className }) => classes.indexOf(className)) }
  }
  const val = parts.val.length === 0 ? null : await read(parts.val)
  return { name: "pictures", classes, side, train: await read(parts.train), val }
}

function checkSize(count: number, side: number): void {
  if (count * side * side * 3 > mostBytes)
    throw new VitrineError(
      "config",
      `${count} images of ${side} × ${side} take over 1 GiB; choose a smaller resolution`,
    )
}

/** The middle square at the size, as bytes. */
function squared(image: Image, side: number): Uint8Array {
  const { data } = applyTransforms(image, [toRgb(), resize(side), centerCrop([side, side])])
  return Uint8Array.from(data, (value) => Math.round(255 * value))
}

/** As data sets. */
export function datasetsOf({ name, classes, side, train, val }: OwnData): { train: Dataset; validation?: Dataset } {
  const open = (part: OwnPart): Dataset =>
    pixels({ name, classes, height: side, width: side, channels: 3, pixels: part.pixels, labels: part.labels })
  return { train: open(train), ...(val === null ? {} : { validation: open(val) }) }
}

/** The files in which data are kept beside their run. */
export function filesOf({ name, classes, side, train, val }: OwnData): Record<string, Uint8Array> {
  const bytes = ({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array =>
    new Uint8Array(buffer, byteOffset, byteLength)
  return {
    "data/train.pixels": train.pixels,
    "data/train.labels": bytes(train.labels),
    ...(val === null ? {} : { "data/val.pixels": val.pixels, "data/val.labels": bytes(val.labels) }),
    "data/about.json": new TextEncoder().encode(JSON.stringify({ name, classes, side })),
  }
}

/** Data from those files; null where there are none. */
export function dataFrom(files: Readonly<Record<string, Uint8Array>>): OwnData | null {
  const about = files["data/about.json"]
  if (about === undefined) return null
  const part = (split: string): OwnPart | null => {
    const [bytes, labels] = [files[`data/${split}.pixels`], files[`data/${split}.labels`]]
    return bytes === undefined || labels === undefined
      ? null
      : { pixels: bytes, labels: new Int32Array(labels.slice().buffer) }
  }
  const train = part("train")
  if (train === null) return null
  const { name, classes, side } = JSON.parse(new TextDecoder().decode(about)) as Pick<
    OwnData,
    "name" | "classes" | "side"
  >
  return { name, classes, side, train, val: part("val") }
}
