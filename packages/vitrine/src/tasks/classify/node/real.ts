import { basename } from "node:path"
import { VitrineError } from "@vitrine/core"
import type { Dataset } from "@vitrine/data"
import { jsonFault, readFileWithin } from "@vitrine/data/internal/node"

/** Sorts the names of images by the numbers in them. */
const byNumber = new Intl.Collator("en", { numeric: true })
const largestFile = 2 ** 26

/**
 * Reads the labels of https://github.com/google-research/reassessed-imagenet, a list of classes for each image in the
 * order of the images' file names, and sorts them in the order of the data.
 * @throws VitrineError (file) with the file and the fault
 */
export async function readRealLabels(
  path: string,
  dataset: Dataset,
  classes: number,
): Promise<readonly (readonly number[])[]> {
  const fail = (fault: string, cause?: unknown): never => {
    throw new VitrineError("file", `${path}: ${fault}`, { cause })
  }
  const lists = parse(new TextDecoder().decode(await readFileWithin(path, largestFile)), fail)
  if (!Array.isArray(lists) || lists.length !== dataset.length)
    return fail(`must be a list of ${dataset.length} lists, one for each image of ${dataset.name}`)
  const isClass = (label: unknown): boolean => Number.isInteger(label) && Number(label) >= 0 && Number(label) < classes
  const isClassList = (list: unknown): list is number[] => Array.isArray(list) && list.every(isClass)
  if (!lists.every(isClassList)) return fail(`must be a list of lists of classes from 0 to ${classes - 1}`)
  const images = Array.from({ length: dataset.length }, (_, index) => ({
    index,
    name: basename(dataset.describe(index)),
  }))
  images.sort((a, b) => byNumber.compare(a.name, b.name))
  const labels: (readonly number[])[] = []
  for (const [position, list] of lists.entries()) {
    const { index = position } = images[position] ?? {}
    labels[index] = list
  }
  return labels
}

function parse(text: string, fail: (fault: string, cause?: unknown) => never): unknown {
  const fault = jsonFault(text)
  if (fault !== undefined) return fail(fault)
  try {
    return JSON.parse(text)
  } catch (error) {
    return fail(`cannot be read as JSON (${error instanceof Error ? error.message : error})`, error)
  }
}
