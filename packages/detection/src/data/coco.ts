import { VitrineError } from "@vitrine/core"
import { type AnnotatedImage, isSize, type RawObject, usable } from "./annotations.ts"

/** An annotation file of COCO's form: its categories by rising id, and its images in order. */
export interface Coco {
  readonly classes: readonly string[]
  readonly images: readonly AnnotatedImage[]
}

type Fields = Readonly<Record<string, unknown>>

/**
 * Reads annotations in COCO's JSON (`images`, `annotations`, `categories`; boxes [x, y, width, height]).
 * @param name what errors call the file
 * @param fault is told, in a line each, what is passed over: images and annotations that cannot be used
 * @throws VitrineError for what is not COCO's JSON, or has no clear categories
 */
export function parseCoco(text: string, name: string, fault: (line: string) => void): Coco {
  const fail = (message: string): never => {
    throw new VitrineError("file", `${name}: ${message}`)
  }
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    fail(`is not JSON (${(error as Error).message.split("\n")[0]?.slice(0, 120)})`)
  }
  if (!isFields(document))
    fail("is not a COCO annotation file: it has no object around images, annotations, categories")
  const list = (field: string): readonly unknown[] => {
    const value = (document as Fields)[field]
    return Array.isArray(value)
      ? value
      : fail(`is not a COCO annotation file: its field "${field}" is ${kindOf(value)}, not a list`)
  }
  const [images, annotations, categories] = [list("images"), list("annotations"), list("categories")]

  const names = new Map<number, string>()
  for (const [i, category] of categories.entries()) {
    const { id, name: label } = fieldsOf(category)
    if (!Number.isSafeInteger(id) || typeof label !== "string" || label === "")
      fail(`category ${i} needs a whole number as id and a name, got ${shown(category)}`)
    if (names.has(id as number)) fail(`two categories have the id ${id}`)
    names.set(id as number, label as string)
  }
  if (names.size === 0) fail("has no categories")
  const ids = [...names.keys()].sort((a, b) => a - b)
  const classes = ids.map((id) => names.get(id) as string)
  const firsts = new Map([...classes.entries()].reverse().map(([i, label]) => [label, i]))
  const twice = classes.find((label, i) => firsts.get(label) !== i)
  if (twice !== undefined) fail(`two categories are called ${JSON.stringify(twice)}`)
  const labelOf = new Map(ids.map((id, label) => [id, label]))

  const found = new Map<unknown, { file: string; width: number; height: number; split?: string; raw: RawObject[] }>()
  for (const [i, image] of images.entries()) {
    const { id, file_name: file, width, height, split } = fieldsOf(image)
    const called = `${name}, image ${typeof file === "string" ? file : i}`
    if ((typeof id !== "number" && typeof id !== "string") || typeof file !== "string" || file === "")
      fault(`${called}: needs an id and a file_name, got ${shown(image)}; left out`)
    else if (!isSize(width) || !isSize(height)) fault(`${called}: its size is ${shown([width, height])}; left out`)
    else if (found.has(id)) fault(`${called}: its id ${shown(id)} is another image's; left out`)
    else found.set(id, { file, width, height, ...(typeof split === "string" ? { split } : {}), raw: [] })
  }
  const seen = new Set<unknown>()
  for (const [i, annotation] of annotations.entries()) {
    const { id, image_id: imageId, category_id: category, bbox, area, iscrowd } = fieldsOf(annotation)
    const image = found.get(imageId)
    const called = `${name}, annotation ${shown(id ?? `number ${i}`)}${image === undefined ? "" : ` of ${image.file}`}`
    const label = labelOf.get(category as number)
    if (id !== undefined && seen.has(id)) fault(`${called}: its id is another annotation's; left out`)
    else if (image === undefined) fault(`${called}: there is no image ${shown(imageId)}; left out`)
    else if (label === undefined) fault(`${called}: there is no category ${shown(category)}; left out`)
    else if (!Array.isArray(bbox)) fault(`${called}: its bbox is ${kindOf(bbox)}, not a list; left out`)
    else {
      const [x, y, w, h] = bbox as unknown[]
      const numbers = bbox.length === 4 && bbox.every((value) => typeof value === "number")
      const box = numbers ? [x, y, (x as number) + (w as number), (y as number) + (h as number)] : bbox
      image.raw.push({ name: called, box, label, area, crowd: iscrowd === 1 || iscrowd === true })
    }
    seen.add(id)
  }
  return {
    classes,
    images: Array.from(found.values(), ({ raw, ...image }) => ({
      ...image,
      objects: usable(raw, image.width, image.height, fault),
    })),
  }
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)
const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {})
const kindOf = (value: unknown): string =>
  value === undefined ? "missing" : value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`
const shown = (value: unknown): string => (JSON.stringify(value) ?? "undefined").slice(0, 80)
