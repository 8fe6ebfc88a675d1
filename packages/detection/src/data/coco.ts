import { VitrineError } from "@vitrine/core"
import { jsonFault } from "@vitrine/data/internal"
import { type AnnotatedImage, isSize, type RawObject, validObjects } from "./annotations.ts"

/** The content of a COCO annotation file: its categories in order of rising id, and its images in order. */
export interface Coco {
  readonly classes: readonly string[]
  readonly images: readonly AnnotatedImage[]
}

type Fields = Readonly<Record<string, unknown>>

/** An image whose objects are not checked yet. */
interface RawImage extends Omit<AnnotatedImage, "objects"> {
  readonly raw: RawObject[]
}

/**
 * Reads annotations in COCO's JSON (`images`, `annotations`, `categories`; boxes [x, y, width, height]).
 * @param name the name of the file in errors
 * @param fault gets a line for each image and annotation that is left out, and each box that is cut
 * @throws VitrineError (file) if the text is not COCO's JSON, or its categories are not clear
 */
export function parseCoco(text: string, name: string, fault: (line: string) => void): Coco {
  const fail = (message: string): never => {
    throw new VitrineError("file", `${name}: ${message}`)
  }
  const document = parseJson(text, fail)
  const list = (field: string): readonly unknown[] => {
    const value = document[field]
    return Array.isArray(value)
      ? value
      : fail(`is not a COCO annotation file: its field "${field}" is ${kindOf(value)}, not a list`)
  }
  const [imageList, annotations, categories] = [list("images"), list("annotations"), list("categories")]
  const names = categoryNames(categories, fail)
  const images = rawImages(imageList, name, fault)
  const labelOf = new Map<unknown, number>(names.map(({ id }, label) => [id, label]))
  const ids = new Set<unknown>()
  for (const [i, annotation] of annotations.entries()) {
    const { id, image_id: imageId, category_id: category, bbox, area, iscrowd } = fieldsOf(annotation)
    const image = images.get(imageId)
    const place = `${name}, annotation ${quoted(id ?? `number ${i}`)}${image === undefined ? "" : ` of ${image.file}`}`
    const label = labelOf.get(category)
    if (id !== undefined && ids.has(id)) fault(`${place}: its id is another annotation's; left out`)
    else if (image === undefined) fault(`${place}: there is no image ${quoted(imageId)}; left out`)
    else if (label === undefined) fault(`${place}: there is no category ${quoted(category)}; left out`)
    else if (!Array.isArray(bbox)) fault(`${place}: its bbox is ${kindOf(bbox)}, not a list; left out`)
    else image.raw.push({ name: place, box: cornersOf(bbox), label, area, crowd: iscrowd === 1 || iscrowd === true })
    ids.add(id)
  }
  return {
    classes: names.map((category) => category.name),
    images: Array.from(images.values(), ({ raw, ...image }) => ({
      ...image,
      objects: validObjects(raw, image.width, image.height, fault),
    })),
  }
}

function parseJson(text: string, fail: (message: string) => never): Fields {
  const fault = jsonFault(text)
  if (fault !== undefined) return fail(fault)
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0]?.slice(0, 120) : ""
    return fail(`is not JSON (${reason})`)
  }
  return isFields(document)
    ? document
    : fail("is not a COCO annotation file: it has no object around images, annotations, categories")
}

interface Category {
  readonly id: number
  readonly name: string
}

/** Categories in order of rising id. */
function categoryNames(categories: readonly unknown[], fail: (message: string) => never): Category[] {
  const names = new Map<number, string>()
  for (const [i, category] of categories.entries()) {
    const { id, name } = fieldsOf(category)
    if (typeof id !== "number" || !Number.isSafeInteger(id) || typeof name !== "string" || name === "")
      return fail(`category ${i} needs a whole number as id and a name, got ${quoted(category)}`)
    if (names.has(id)) fail(`two categories have the id ${id}`)
    names.set(id, name)
  }
  if (names.size === 0) fail("has no categories")
  const sorted = Array.from(names, ([id, name]) => ({ id, name })).sort((a, b) => a.id - b.id)
  const distinct = new Set<string>()
  for (const { name } of sorted) {
    if (distinct.has(name)) fail(`two categories are called ${JSON.stringify(name)}`)
    distinct.add(name)
  }
  return sorted
}

/** Images by id. */
function rawImages(images: readonly unknown[], name: string, fault: (line: string) => void): Map<unknown, RawImage> {
  const byId = new Map<unknown, RawImage>()
  for (const [i, image] of images.entries()) {
    const { id, file_name: file, width, height, split } = fieldsOf(image)
    const place = `${name}, image ${typeof file === "string" ? file : i}`
    if ((typeof id !== "number" && typeof id !== "string") || typeof file !== "string" || file === "")
      fault(`${place}: needs an id and a file_name, got ${quoted(image)}; left out`)
    else if (!isSize(width) || !isSize(height)) fault(`${place}: its size is ${quoted([width, height])}; left out`)
    else if (byId.has(id)) fault(`${place}: its id ${quoted(id)} is another image's; left out`)
    else byId.set(id, { file, width, height, ...(typeof split === "string" ? { split } : {}), raw: [] })
  }
  return byId
}

/** Converts a box [x, y, width, height] to corners. Returns any other list as it is. */
function cornersOf(bbox: readonly unknown[]): readonly unknown[] {
  const [x, y, width, height] = bbox.map((value) => (typeof value === "number" ? value : undefined))
  if (bbox.length !== 4 || x === undefined || y === undefined || width === undefined || height === undefined)
    return bbox
  return [x, y, x + width, y + height]
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)
const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {})
const kindOf = (value: unknown): string =>
  value === undefined ? "missing" : value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`
const quoted = (value: unknown): string => (JSON.stringify(value) ?? "undefined").slice(0, 80)
