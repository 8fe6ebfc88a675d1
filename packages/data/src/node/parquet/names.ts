import { VitrineError } from "@vitrine/core"
import { splitOf } from "../../splits.ts"

/** A Parquet file of a folder, and the split that its name or its folder says. */
export interface NamedFile {
  readonly name: string
  readonly split: string | undefined
}

/**
 * Finds the splits of Parquet files by their names: `train-00000-of-00002.parquet`, `data/test.parquet`, or
 * `default/train/0000.parquet`. If no name is that of a split, no file has one.
 * @throws VitrineError (config) for files of several configurations
 */
export function parquetFiles(names: readonly string[], title: string): NamedFile[] {
  const files = names.map((name) => {
    const folders = name.split("/")
    const stem = (folders.pop() ?? "").replace(/\.parquet$/i, "").replace(/-\d+-of-\d+(-[0-9a-f]+)?$/, "")
    const inner = folders.at(-1)
    const isNumber = /^(part-?)?\d*$/i.test(stem)
    const split = isNumber ? inner : stem
    const outer = isNumber ? folders.slice(0, -1) : folders
    return { name, split: split === "" ? undefined : split, configuration: outer.join("/") }
  })
  const configurations = [...new Set(files.map(({ configuration }) => configuration))]
  if (configurations.length > 1)
    throw new VitrineError(
      "config",
      `${title}: holds Parquet files of several configurations (${configurations
        .slice(0, 5)
        .map((name) => name || ".")
        .join(", ")}): give one, as ${title}/${configurations.find((name) => name !== "")}`,
    )
  const isSplit = files.some(({ split }) => split !== undefined && splitOf(split) !== undefined)
  return files.map(({ name, split }) => ({ name, split: isSplit ? split : undefined }))
}
