import { readFile, stat } from "node:fs/promises"
import { basename } from "node:path"
import { explaining } from "@vitrine/checkpoint/node"
import { VitrineError } from "@vitrine/core"
import type { Dataset } from "@vitrine/data"

/** Numbered images have their numbers' order. */
const byNumber = new Intl.Collator("en", { numeric: true })
const largestFile = 2 ** 26

/**
 * Reads the labels of https://github.com/google-research/reassessed-imagenet, a list of classes for each image by the name
 * of its file, and puts them into the order of the data.
 * @throws VitrineError (file) naming the file and what is wrong with it.
 */
export async function readRealLabels(
  path: string,
  dataset: Dataset,
  classes: number,
): Promise<readonly (readonly number[])[]> {
  const fail = (fault: string, cause?: unknown): never => {
    throw new VitrineError("file", `${path}: ${fault}`, { cause })
  }
  const { size } = await explaining(path, "read", () => stat(path))
  if (size > largestFile) return fail(`has ${size} bytes; up to ${largestFile} are read`)
  const text = await explaining(path, "read", () => readFile(path, "utf8"))
  const lists = parse(text, fail)
  if (!Array.isArray(lists) || lists.length !== dataset.length)
    return fail(`must be a list of ${dataset.length} lists, one for each image of ${dataset.name}`)
  const known = lists.every(
    (list) => Array.isArray(list) && list.every((label) => Number.isInteger(label) && label >= 0 && label < classes),
  )
  if (!known) return fail(`must be a list of lists of classes from 0 to ${classes - 1}`)
  const names = Array.from({ length: dataset.length }, (_, i) => basename(dataset.describe(i)))
  const order = names.map((_, i) => i).sort((a, b) => byNumber.compare(names[a] ?? "", names[b] ?? ""))
  const sorted: (readonly number[])[] = []
  order.forEach((image, place) => {
    sorted[image] = lists[place] as readonly number[]
  })
  return sorted
}

function parse(text: string, fail: (fault: string, cause?: unknown) => never): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    return fail(`cannot be read as JSON (${(error as Error).message})`, error)
  }
}
