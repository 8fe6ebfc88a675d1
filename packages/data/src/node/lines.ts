import { dirname } from "node:path/posix"
import { basename, resolve } from "node:path"
import { stat } from "node:fs/promises"
import { foldKey, keyFromSeed, permutation, VitrineError } from "@vitrine/core"
import { at } from "../at.ts"
import type { DatasetSource } from "../dataset.ts"
import { type LineLabel, lineFault, parseLabels } from "../lines/labels.ts"
import type { LineSet } from "../lines/lines.ts"
import { characterRows } from "../lines/rows.ts"
import { openDataset } from "./open.ts"
import type { ParquetPlace } from "./parquet/image-rows.ts"
import { parquetLines } from "./parquet/on-demand.ts"
import { resolveData } from "./resolve.ts"
import { type FileTree, openTree } from "./tree.ts"

/** How lines of text are found. */
export interface ResolveLinesOptions {
  /** The share of the lines that is held out if the data have no validation set; 0.1 by default. */
  readonly valFraction?: number
  readonly seed?: number
  /** The least and the greatest number of characters in a row that is made of images; 1 and 5 by default. */
  readonly characters?: readonly [least: number, most: number]
}

/** The lines of text that a path holds. `close` releases their files. */
export interface ResolvedLines {
  readonly train: LineSet
  readonly val: LineSet | null
  /** The lines that were passed over, each with the reason. */
  readonly skipped: readonly string[]
  close(): Promise<void>
}

/** The number of rows in an epoch of training, and in the validation set. */
const rowCounts = { train: 1_000_000, val: 2_000 } as const
const isLabels = (name: string): boolean => /(^|\/)labels\.(tsv|jsonl)$/.test(name)
const mostLabelBytes = 256 * 2 ** 20

/**
 * Opens images of lines:
 * - a folder or archive with `labels.tsv` or `labels.jsonl`, or with one in `train` and one in `val` (`valid`,
 *   `validation`, `test`). The paths in such a file are relative to its folder.
 * - Parquet with a column of texts beside the images, such as `text` or `caption`; of several texts the first;
 * - any data for `resolveData` whose classes are characters, such as MNIST's files. Rows are made of these images.
 *   Validation rows consist only of validation images.
 *
 * `skipped` names the lines that are passed over: without a text or an image, with a text that is too long, or named
 * twice.
 * @throws VitrineError with the path and what was expected
 */
export async function resolveLines(path: ParquetPlace, options: ResolveLinesOptions = {}): Promise<ResolvedLines> {
  const { valFraction = 0.1, seed = 0, characters = [1, 5] } = options
  const parquet = await parquetLines(path, { valFraction, seed })
  if (parquet !== undefined) return parquet
  if (typeof path !== "string")
    throw new VitrineError("file", `${path.title}: has no column of texts beside its images`)
  const tree = await labelled(path)
  if (tree === undefined) {
    const { train, val } = await resolveData(path, { seed, valFraction, testValidates: true })
    const open = async (source: DatasetSource, part: "train" | "val"): Promise<LineSet> => {
      const partSeed = foldKey(keyFromSeed(seed), "rows", part)[0]
      return characterRows(await openDataset(source), { size: rowCounts[part], characters, seed: partSeed })
    }
    const trainRows = await open(train, "train")
    const valRows = val && (await open(val, "val"))
    const close = async (): Promise<void> => {
      await trainRows.close?.()
      await valRows?.close?.()
    }
    return { train: trainRows, val: valRows, skipped: [], close }
  }
  try {
    return await linesOf(tree, path, valFraction, seed)
  } catch (error) {
    await tree.close()
    throw error
  }
}

/** Opens a folder or an archive that contains labels. */
async function labelled(path: string): Promise<FileTree | undefined> {
  const info = await stat(resolve(path)).catch(() => undefined)
  if (info === undefined) return undefined
  const tree = await openTree(path, isLabels).catch((error: unknown) => {
    if (info.isDirectory()) throw error
    return undefined
  })
  if (tree?.others.some(isLabels)) return tree
  await tree?.close()
  return undefined
}

async function linesOf(tree: FileTree, path: string, valFraction: number, seed: number): Promise<ResolvedLines> {
  const files = tree.others.filter(isLabels)
  const part = (pattern: RegExp): string | undefined => files.find((name) => pattern.test(name))
  const trainFile = part(/^(train\/)?labels\./)
  if (trainFile === undefined)
    throw new VitrineError(
      "file",
      `${path}: has ${files[0]}, but no labels.tsv or labels.jsonl at its top or in train/`,
    )
  const valFile = part(/^(val|valid|validation|test)\/labels\./)
  const skipped: string[] = []
  const names = new Set(tree.names)
  const read = async (file: string): Promise<LineLabel[]> => {
    const bytes = await tree.read(file, mostLabelBytes)
    const folder = dirname(file) === "." ? "" : `${dirname(file)}/`
    const earlier = new Set<string>()
    return parseLabels(decoded(bytes, `${path}/${file}`), `${path}/${file}`).flatMap(({ file: path, text }) => {
      const name = folder + path
      const fault = faultOf(text, names.has(name), earlier.has(name))
      earlier.add(name)
      if (fault === undefined) return [{ file: name, text }]
      skipped.push(`${name}: ${fault}`)
      return []
    })
  }
  const all = await read(trainFile)
  const close: (() => Promise<void>)[] = []
  const open = async (labels: readonly LineLabel[], split: string): Promise<LineSet> => {
    if (labels.length === 0)
      throw new VitrineError(
        "file",
        `${path}: has no line to ${split} on${skipped.length > 0 ? `; ${skipped[0]}` : ""}`,
      )
    const images = await openDataset(
      tree.images(
        labels.map(({ file }) => file),
        `${basename(path)} ${split}`,
      ),
    )
    if (images.close) close.push(images.close)
    return {
      name: images.name,
      length: labels.length,
      channels: images.channels,
      text: (index) => at(labels, index).text,
      describe: images.describe,
      read: images.read,
    }
  }
  const parts = valFile === undefined ? divided(all, valFraction, seed) : { train: all, val: await read(valFile) }
  return {
    train: await open(parts.train, "train"),
    val: parts.val.length === 0 ? null : await open(parts.val, "validate"),
    skipped,
    close: async () => {
      for (const each of close) await each()
      await tree.close()
    },
  }
}

function decoded(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    throw new VitrineError("file", `${name}: is not UTF-8`)
  }
}

function faultOf(text: string, isThere: boolean, isTwice: boolean): string | undefined {
  if (!isThere) return "there is no such file"
  if (isTwice) return "is named twice"
  return lineFault(text)
}

function divided(
  labels: readonly LineLabel[],
  valFraction: number,
  seed: number,
): { readonly train: readonly LineLabel[]; readonly val: readonly LineLabel[] } {
  const count = Math.min(labels.length - 1, Math.round(valFraction * labels.length))
  const order = permutation(foldKey(keyFromSeed(seed), "lines"), labels.length)
  const heldOut = new Set(order.subarray(0, Math.max(0, count)))
  return { train: labels.filter((_, i) => !heldOut.has(i)), val: labels.filter((_, i) => heldOut.has(i)) }
}
