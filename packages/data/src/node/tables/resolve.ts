import { basename } from "node:path"
import { VitrineError } from "@vitrine/core"
import { at } from "../../at.ts"
import { isHiddenPath, passedOverLines } from "../../formats.ts"
import { type Split, splitOf, type SplitOptions, splits } from "../../splits.ts"
import type { ResolvedData } from "../../resolved.ts"
import type { FileTree } from "../tree.ts"
import { cellText, type ColumnOptions } from "../../tables/columns.ts"
import { refuseTwice, rowLabels, sourceLabels } from "../../tables/labels.ts"
import { isMetadataPath, isTablePath } from "../../tables/table.ts"
import { type ImageRow, type TableReader, tableRows } from "./rows.ts"
import { splitExamples, splitSources } from "../../tables/split-examples.ts"

export type TableOptions = ColumnOptions & SplitOptions

/** The tables of Hugging Face's image folders: one for all images, or one for each split. */
export function metadataTables(tree: FileTree): string[] {
  const tables = tree.others.filter((name) => isMetadataPath(name) && !isHiddenPath(name))
  const twice = tables.find((name) => name.endsWith(".csv") && tables.includes(name.replace(/csv$/, "jsonl")))
  if (twice !== undefined)
    throw new VitrineError("file", `${tree.path}: has both ${twice} and ${twice.replace(/csv$/, "jsonl")}: remove one`)
  return tables
}

/**
 * The tables at the top of a tree: the only one, or one for each split by their names. Undefined if the choice is
 * unclear.
 */
export function topTables(tree: FileTree): string[] | undefined {
  const tables = tree.others.filter((name) => isTablePath(name) && !name.includes("/") && !isHiddenPath(name))
  const ofSplit = (split: Split): string[] => tables.filter((name) => splitOf(name.replace(/\.\w+$/, "")) === split)
  // The first table determines the columns.
  if (ofSplit("train").length > 0) return splits.flatMap(ofSplit)
  return tables.length === 1 ? tables : undefined
}

/**
 * Finds images and labels with tables.
 * @param readTable reads a table of the tree; by default CSV, TSV or JSON lines
 * @throws VitrineError (file, config)
 */
export async function resolveTables(
  tree: FileTree,
  names: readonly string[],
  title: string,
  options: TableOptions,
  readTable?: TableReader,
): Promise<ResolvedData> {
  const { table, columns, rows: foundRows, others } = await tableRows(tree, names, options, readTable)
  const read = rowLabels(
    table,
    columns,
    foundRows.map(({ row }) => row),
  )
  const { classes, labelSets } = read
  const passed = [...others]
  const files = new Map<string, string>()
  const examples = foundRows.flatMap((image, place): Example[] => {
    const label = at(read.labels, place)
    const text = columns.labels.map((column) => cellText(at(table.rows, image.row)[column])).join()
    if (labelSets === undefined && label < 0) {
      passed.push([`rows of ${table.name} without a label`, image.file])
      return []
    }
    const earlier = files.get(image.file)
    if (earlier !== undefined) {
      refuseTwice(table.name, image.file, earlier, text)
      passed.push([`rows of ${table.name} that stand in it twice`, image.file])
      return []
    }
    files.set(image.file, text)
    return [{ ...image, place, label }]
  })
  const facts = { classes, several: labelSets !== undefined, title, table: table.name }
  const lists = splitExamples(examples, facts, options, () => {
    const lines = passedOverLines(passed)
    return `names no image that can be read${lines.length > 0 ? `: ${lines.join("; ")}` : ""}`
  })
  const naming = `${names.join(" and ")} ${names.length === 1 ? "does" : "do"}`
  const unnamed = [...tree.names].filter((name) => !files.has(name) && !names.includes(name) && !isHiddenPath(name))
  const labelNames = columns.labels.map((column) => table.columns[column] ?? "")
  const described = labelNames.length > 4 ? `${labelNames.slice(0, 3).join(", ")}, …` : labelNames.join(", ")
  return {
    ...splitSources(lists, (images, split) =>
      tree.images(
        images.map(({ file }) => file),
        `${basename(tree.path)} ${split}`,
        { ...sourceLabels(images, read), skipped: passed.length + unnamed.length },
      ),
    ),
    passedOver: passedOverLines([
      ...passed,
      ...unnamed.map(
        (name) => [isTablePath(name) ? "tables beside the images" : `files that ${naming} not name`, name] as const,
      ),
    ]),
    notes: [
      `images and labels by ${names.join(", ")} (${table.columns[columns.file]}; ${described}), not by folders`,
      ...read.notes,
    ],
  }
}

interface Example extends ImageRow {
  /** Its index among the rows whose images exist. */
  readonly place: number
  readonly label: number
}
