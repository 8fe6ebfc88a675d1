import { basename } from "node:path"
import { numbers, type StoredTensor } from "@vitrine/archive"
import { type ArrayInfo, type NpzArchive, openNpzArchive } from "@vitrine/archive/npz"
import { VitrineError } from "@vitrine/core"
import { at } from "../at.ts"
import { numberedClasses } from "../classes.ts"
import type { Dataset, NpzSource } from "../dataset.ts"
import { type LabelSets, labelSets } from "../label-sets.ts"
import { pixels } from "../pixels.ts"
import { type Split, type SplitOptions, splitOf, splits } from "../splits.ts"
import { divide } from "./divide.ts"
import { fileSource, openFile } from "./open-file.ts"
import type { ResolvedData } from "../resolved.ts"

/** The most bytes of images that are read into memory. */
const mostBytes = 2 ** 31

/** The arrays of a split by their names. */
interface NamedArrays {
  readonly name: string
  readonly images: ArrayInfo
  readonly labels: ArrayInfo
}

/** Words for images and for labels: x_train and y_train, MedMNIST's train_images and train_labels, and the same without a split. */
const words = { images: ["x", "images", "image", "data"], labels: ["y", "labels", "label", "targets"] } as const

/**
 * Finds images and labels of each split in an .npz file.
 * @throws VitrineError (file) that names the file, and its arrays where none are found
 */
export async function resolveNpz(path: string, options: SplitOptions): Promise<ResolvedData> {
  const { testValidates = false, valFraction, seed = 0 } = options
  return withArchive(path, async (archive) => {
    const named = namedArrays(archive.tensors)
    const { train } = named
    if (train === undefined)
      throw new VitrineError(
        "file",
        `${path}: has no arrays x_train and y_train, or train_images and train_labels; its arrays are ${archive.tensors.map(({ name }) => name).join(", ")}`,
      )
    const { test, val = testValidates ? test : undefined } = named
    const labels = new Map<Split, Labels>()
    for (const [split, arrays] of [
      ["train", train],
      ["val", val],
      ["test", test],
    ] as const)
      if (arrays !== undefined)
        labels.set(split, labelsIn(await archive.read(arrays.labels.name), `${path}: ${arrays.labels.name}`))
    const all = [...labels.values()]
    const own = labels.get("train") ?? { numbers: [] }
    const columns = all.map(({ columns }) => columns)
    if (columns.some((count) => count !== columns[0]))
      throw new VitrineError(
        "file",
        `${path}: the labels of its splits have ${columns.map((count) => count ?? 1).join(" and ")} columns`,
      )
    const { classes, notes } =
      own.columns === undefined
        ? numberedClasses(
            all.flatMap(({ numbers }) => numbers),
            path,
          )
        : { classes: Array.from({ length: own.columns }, (_, i) => String(i)), notes: [] }
    const source = ({ images, labels }: NamedArrays): NpzSource => ({
      kind: "npz",
      path,
      images: images.name,
      labels: labels.name,
      classes,
    })
    const share = valFraction ?? (test === undefined ? 0.1 : 0)
    const divided =
      val === undefined
        ? own.sets === undefined
          ? divide(source(train), own.numbers, classes, share, seed)
          : divide(
              source(train),
              own.sets.starts.subarray(1).map(() => 0),
              classes,
              share,
              seed,
            )
        : { train: source(train), val: source(val) }
    const splitNames = Object.fromEntries(
      splits.flatMap((split) => (named[split] === undefined ? [] : [[split, named[split].name]])),
    )
    const used = new Set(splits.flatMap((split) => [named[split]?.images.name, named[split]?.labels.name]))
    const converted = splits.flatMap((split) => {
      const { images } = named[split] ?? {}
      return images === undefined || images.dtype === "U8"
        ? []
        : [`${images.name}: its ${images.dtype} numbers are read as bytes`]
    })
    const others = archive.tensors.filter(({ name }) => !used.has(name))
    return {
      ...divided,
      test: test === undefined || test === val ? null : source(test),
      splitNames,
      passedOver: others.length === 0 ? [] : [`${others.length} arrays, such as ${others[0]?.name}`],
      notes: [...notes, ...converted],
    }
  })
}

function namedArrays(arrays: readonly ArrayInfo[]): Partial<Record<Split, NamedArrays>> {
  const named: Partial<Record<Split, NamedArrays>> = {}
  const find = (split: string | undefined, kind: keyof typeof words): ArrayInfo | undefined =>
    arrays.find(({ name }) => {
      const parts = name.toLowerCase().split(/[_-]/)
      const word = parts.find((part) => splitOf(part) === undefined) ?? ""
      const rest = parts.find((part) => splitOf(part) !== undefined)
      return parts.length <= 2 && rest === split && words[kind].some((each) => each === word)
    })
  const names = new Set(arrays.flatMap(({ name }) => name.toLowerCase().split(/[_-]/)).filter((part) => splitOf(part)))
  for (const name of names.size > 0 ? names : [undefined]) {
    const [images, labels] = [find(name, "images"), find(name, "labels")]
    const split = name === undefined ? "train" : splitOf(name)
    if (split !== undefined && images !== undefined && labels !== undefined)
      named[split] ??= { name: name ?? "train", images, labels }
  }
  return named
}

interface Labels {
  /** The class of each image. Empty if images may have several. */
  readonly numbers: readonly number[]
  /** The number of classes, if labels are rows of 0 and 1. */
  readonly columns?: number
  readonly sets?: LabelSets
}

/**
 * Reads labels of shape [images] or [images, 1], or with a 0 or 1 for each class. They are classes if each row has
 * exactly one 1.
 */
function labelsIn(tensor: StoredTensor, name: string): Labels {
  const { shape } = tensor
  const [count = 0, columns = 1] = shape
  const values = [...numbers(tensor)]
  if (shape.length < 1 || shape.length > 2 || values.some((value) => !Number.isInteger(value) || value < 0))
    throw new VitrineError(
      "file",
      `${name}: labels are whole numbers of the shape images or images×1, or 0 and 1 of images×classes, not ${shape.join("×")}`,
    )
  if (columns === 1) return { numbers: values }
  if (values.some((value) => value > 1))
    throw new VitrineError(
      "file",
      `${name}: ${columns} columns of labels hold 0 and 1 alone, not ${Math.max(...values.slice(0, 1000))}`,
    )
  const rows = Array.from({ length: count }, (_, row) =>
    values.slice(row * columns, (row + 1) * columns).flatMap((value, label) => (value === 1 ? [label] : [])),
  )
  if (rows.every(({ length }) => length === 1)) return { numbers: rows.flat(), columns }
  return { numbers: [], columns, sets: labelSets(rows) }
}

/**
 * Opens two arrays of an .npz file: images of bytes [n, height, width] or [n, height, width, 1 | 3], and labels.
 * @throws VitrineError (file)
 */
export function openNpz({ path, images, labels, classes }: NpzSource): Promise<Dataset> {
  return withArchive(path, async (archive) => {
    const info = archive.tensors.find(({ name }) => name === images)
    const [count = 0, height = 0, width = 0, channels = 1] = info?.shape ?? []
    if (info === undefined || info.shape.length < 3 || info.shape.length > 4 || (channels !== 1 && channels !== 3))
      throw new VitrineError(
        "file",
        `${path}: ${images}: images have the shape count×height×width or …×1 or …×3, not ${info?.shape.join("×")}`,
      )
    if (info.bytes > mostBytes)
      throw new VitrineError("file", `${path}: ${images}: has ${info.bytes} bytes; up to ${mostBytes} are read`)
    const { numbers: numbered, sets } = labelsIn(await archive.read(labels), `${path}: ${labels}`)
    const rows = sets === undefined ? numbered.length : sets.starts.length - 1
    if (rows !== count)
      throw new VitrineError("file", `${path}: ${images} has ${count} images, ${labels} has ${rows} labels`)
    const data = new Uint8Array(new SharedArrayBuffer(count * height * width * channels))
    fillBytes(data, await archive.read(images), `${path}: ${images}`)
    const shared = new Int32Array(new SharedArrayBuffer(4 * count))
    for (let i = 0; i < count; i++) shared[i] = sets === undefined ? at(numbered, i) : -1
    return pixels({
      name: `${basename(path)} ${images}`,
      classes,
      height,
      width,
      channels,
      pixels: data,
      labels: shared,
      ...(sets && { labelSets: sets }),
    })
  })
}

/**
 * Writes images as bytes. Whole numbers from 0 to 255 are bytes already. Fractions from 0 to 1 are rounded to them.
 * @throws VitrineError (file) for other numbers
 */
function fillBytes(data: Uint8Array, tensor: StoredTensor, name: string): void {
  const values = numbers(tensor)
  if (tensor.dtype === "U8") return data.set(values)
  let [least, most, whole] = [Infinity, -Infinity, true]
  for (const value of values) {
    if (!Number.isFinite(value)) throw new VitrineError("file", `${name}: images hold finite numbers, not ${value}`)
    least = Math.min(least, value)
    most = Math.max(most, value)
    whole &&= Number.isInteger(value)
  }
  const isFraction = /^(F|BF)/.test(tensor.dtype) && most <= 1
  if (least < 0 || (!isFraction && (!whole || most > 255)))
    throw new VitrineError(
      "file",
      `${name}: images are bytes (uint8), whole numbers from 0 to 255 or fractions from 0 to 1, not numbers from ${least} to ${most}: convert them`,
    )
  for (const [i, value] of values.entries()) data[i] = isFraction ? Math.round(255 * value) : value
}

async function withArchive<T>(path: string, use: (archive: NpzArchive) => Promise<T>): Promise<T> {
  const { file, size } = await openFile(path)
  try {
    return await use(await openNpzArchive(fileSource(file, size, path)))
  } finally {
    await file.close()
  }
}
