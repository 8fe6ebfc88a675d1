import { VitrineError } from "@vitrine/core"
import type { ParquetSource, Size } from "@vitrine/data"
import {
  classesOfLabels,
  type ImageRows,
  imageSizes,
  type Leaf,
  type ParquetPlace,
  withImageRows,
} from "@vitrine/data/internal/node"
import { isSize, type RawObject, validObjects } from "../data/annotations.ts"
import type { AnnotatedSource } from "../data/dataset.ts"
import { type FaultList, faultList } from "../data/faults.ts"
import type { ResolvedDetection, ResolveDetectionOptions } from "./options.ts"

/** The names of columns by what they hold, as data sets of the Hugging Face hub have them. */
const columnNames = {
  box: /^(bbox|bboxes|boxes|box)$/i,
  category: /^(category|categories|category_id|label|labels|class|classes|class_id|name|names)$/i,
  area: /^(area|areas)$/i,
  crowd: /^(is_?crowd|crowd|difficult)$/i,
  width: /^(width|image_width)$/i,
  height: /^(height|image_height)$/i,
}

/**
 * Finds the images and objects of Parquet files: lists of boxes and of categories, which stand in one struct, such as
 * `objects`, or beside each other. Boxes are [x, y, width, height]; with the format `voc` they are corners.
 * @returns undefined if the place holds no Parquet
 * @throws VitrineError (file, config)
 */
export function resolveParquetDetection(
  place: ParquetPlace,
  { format, valFraction, seed }: ResolveDetectionOptions,
): Promise<ResolvedDetection | undefined> {
  const title = typeof place === "string" ? place : place.title
  return withImageRows(place, { valFraction, seed }, async (rows) => {
    const columns = columnsOf(rows.leaves, title)
    const table = await tableOf(rows, columns)
    const { classes, labelOf } = categoriesOf(table, columns.category, title)
    const faults = faultList()
    const { train, val, test, passedOver } = await rows.splits()
    for (const line of passedOver) faults.add(`${title}: ${line}; left out`)
    const source = async (images: ParquetSource | null): Promise<AnnotatedSource | null> =>
      images && annotated(images, table, { classes, labelOf, format: format ?? "coco", title, faults })
    const sources = { train: await source(train), val: await source(val), test: await source(test) }
    return { classes, ...sources, faults: { count: faults.count, lines: faults.lines } }
  })
}

type Columns = { readonly [K in keyof typeof columnNames]: Leaf | undefined } & {
  readonly box: Leaf
  readonly category: Leaf
}

/** @throws VitrineError (file) if there are no boxes or more than one kind */
function columnsOf(leaves: readonly Leaf[], title: string): Columns {
  const last = ({ names }: Leaf): string => names.at(-1) ?? ""
  const above = ({ names }: Leaf): string => names.slice(0, -1).join(".")
  const list = leaves.map(({ names }) => names.join(".")).join(", ")
  const boxes = leaves.filter((leaf) => leaf.isList && columnNames.box.test(last(leaf)))
  const [box, second] = boxes
  if (box === undefined)
    throw new VitrineError(
      "file",
      `${title}: has no boxes, such as a column objects with bbox and category; beside the images it has ${list || "nothing"}`,
    )
  if (second !== undefined)
    throw new VitrineError(
      "file",
      `${title}: the boxes could be ${boxes.map(({ names }) => names.join(".")).join(" or ")}: leave one of them in the files`,
    )
  const beside = (name: keyof typeof columnNames): Leaf | undefined =>
    leaves.find((leaf) => leaf.isList && above(leaf) === above(box) && columnNames[name].test(last(leaf)))
  const ofImage = (name: "width" | "height"): Leaf | undefined =>
    leaves.find((leaf) => !leaf.isList && leaf.names.length === 1 && columnNames[name].test(last(leaf)))
  const category = beside("category")
  if (category === undefined)
    throw new VitrineError(
      "file",
      `${title}: has boxes in ${box.names.join(".")}, but no category for each beside them; its columns are ${list}`,
    )
  return {
    box,
    category,
    area: beside("area"),
    crowd: beside("crowd"),
    width: ofImage("width"),
    height: ofImage("height"),
  }
}

/** The values of each column by row. */
type RowTable = { readonly [K in keyof typeof columnNames]: readonly unknown[] | undefined }

async function tableOf(rows: ImageRows, columns: Columns): Promise<RowTable> {
  const read = async (leaf: Leaf | undefined): Promise<readonly unknown[] | undefined> => leaf && rows.values(leaf)
  const { box, category, area, crowd, width, height } = columns
  return {
    box: await read(box),
    category: await read(category),
    area: await read(area),
    crowd: await read(crowd),
    width: await read(width),
    height: await read(height),
  }
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The classes: the names of a ClassLabel, or else the categories themselves. */
function categoriesOf(
  { category }: RowTable,
  { classNames }: Leaf,
  title: string,
): { readonly classes: readonly string[]; labelOf(category: unknown): number } {
  if (classNames !== undefined)
    return {
      classes: classNames,
      labelOf: (number) => (typeof number === "number" && number in classNames ? number : -1),
    }
  const texts = new Set<string>()
  for (const cell of category ?? []) for (const each of listOf(cell)) texts.add(String(each))
  const { classes } = classesOfLabels(texts, title)
  const places = new Map(classes.map((name, i) => [name, i]))
  return { classes, labelOf: (each) => places.get(String(each)) ?? -1 }
}

interface Conversion {
  readonly classes: readonly string[]
  labelOf(category: unknown): number
  readonly format: "coco" | "voc"
  readonly title: string
  readonly faults: FaultList
}

async function annotated(
  images: ParquetSource,
  table: RowTable,
  { classes, labelOf, format, title, faults }: Conversion,
): Promise<AnnotatedSource | null> {
  const headers = table.width === undefined || table.height === undefined ? await imageSizes(images) : undefined
  const kept: number[] = []
  const sizes: Size[] = []
  const objects: AnnotatedSource["objects"][number][] = []
  const doubt = { boxes: 0, beyond: 0, asCorners: 0, shares: 0 }
  for (const [example, row] of images.rows.entries()) {
    const place = `${title}, row ${row}`
    const [height, width] = headers?.[example] ?? [table.height?.[row], table.width?.[row]]
    if (!isSize(width) || !isSize(height)) {
      faults.add(`${place}: its image has no size that can be read; left out`)
      continue
    }
    const numbers = listOf(table.box?.[row])
    const categories = listOf(table.category?.[row])
    if (numbers.length !== 4 * categories.length) {
      faults.add(`${place}: has ${numbers.length} numbers of boxes for ${categories.length} categories; left out`)
      continue
    }
    // Lists come without their empty values. A shorter one does not say which object a value belongs to.
    const isShort = ({ length }: readonly unknown[]): boolean => length !== 0 && length !== categories.length
    const [areas, crowds] = [listOf(table.area?.[row]), listOf(table.crowd?.[row])]
    if (isShort(crowds)) {
      faults.add(`${place}: has ${crowds.length} marks of crowds for ${categories.length} categories; left out`)
      continue
    }
    if (isShort(areas))
      faults.add(
        `${place}: has ${areas.length} areas for ${categories.length} categories; the areas of its boxes are taken`,
      )
    const raw = categories.flatMap((category, i): RawObject[] => {
      const name = `${place}, object ${i}`
      const label = labelOf(category)
      const box = numbers.slice(4 * i, 4 * i + 4)
      count(doubt, box, width, height)
      if (label < 0) {
        faults.add(`${name}: there is no category ${JSON.stringify(category)}; left out`)
        return []
      }
      const crowd = crowds[i]
      const isCrowd = crowd === 1 || crowd === true
      return [
        {
          name,
          box: format === "voc" ? box : cornersOf(box),
          label,
          area: isShort(areas) ? undefined : areas[i],
          crowd: isCrowd,
        },
      ]
    })
    kept.push(example)
    sizes.push([height, width])
    objects.push(validObjects(raw, width, height, faults.add))
  }
  checkFormat(doubt, format, title)
  if (kept.length === 0) return null
  const rows = Uint32Array.from(kept, (example) => images.rows[example] ?? 0)
  const { name } = images
  return {
    kind: "annotated",
    name,
    classes,
    images: { ...images, rows, labels: new Int32Array(rows.length) },
    sizes,
    objects,
  }
}

const cornersOf = (box: readonly unknown[]): readonly unknown[] => {
  const [x = Number.NaN, y = Number.NaN, width = Number.NaN, height = Number.NaN] = box.map(Number)
  return [x, y, x + width, y + height]
}

interface Doubt {
  boxes: number
  beyond: number
  asCorners: number
  shares: number
}

/** Counts boxes that fit one of the forms and not the other. */
function count(doubt: Doubt, box: readonly unknown[], width: number, height: number): void {
  const [a = 0, b = 0, c = 0, d = 0] = box.map(Number)
  doubt.boxes++
  if (a + c > width * 1.01 || b + d > height * 1.01) doubt.beyond++
  if (c > a && d > b && c <= width * 1.01 && d <= height * 1.01) doubt.asCorners++
  if (Math.max(a, b, c, d) <= 1) doubt.shares++
}

/** @throws VitrineError (config) if the boxes are of another form than is said */
function checkFormat({ boxes, beyond, asCorners, shares }: Doubt, format: "coco" | "voc", title: string): void {
  if (boxes > 0 && shares === boxes)
    throw new VitrineError(
      "file",
      `${title}: its boxes are shares of the image, from 0 to 1; write them in pixels, as x, y, width, height`,
    )
  if (format === "coco" && beyond > boxes / 4 && asCorners === boxes)
    throw new VitrineError(
      "config",
      `${title}: ${beyond} of ${boxes} boxes reach out of their images as x, y, width, height, and all are inside as corners: give --annotations voc (format) if they are corners, or cut them`,
    )
  if (format === "voc" && asCorners < boxes / 2)
    throw new VitrineError(
      "config",
      `${title}: only ${asCorners} of ${boxes} boxes have corners inside their images: leave out --annotations voc (format) if they are x, y, width, height`,
    )
}
