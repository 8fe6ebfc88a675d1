import { VitrineError } from "@vitrine/core"
import { type Split, splitOf } from "./splits.ts"

/** A shard of a folder, and the split that its name or its folder says. */
export interface NamedShard {
  readonly name: string
  readonly split: string | undefined
}

/**
 * Finds the splits of shards by their names: `train-00000-of-00002.parquet`, `train-000000.tar`, `data/test.parquet`, or
 * `default/train/0000.parquet`. If no name is that of a split, no file has one.
 * @throws VitrineError (config) for files of several configurations
 */
export function namedShards(names: readonly string[], title: string): NamedShard[] {
  const files = names.map((name) => {
    const folders = name.split("/")
    const stem = (folders.pop() ?? "").replace(/\.\w+$/, "").replace(/[-_]\d+(-of-\d+(-[0-9a-f]+)?)?$/, "")
    const inner = folders.at(-1)
    const isNumber = /^((part|shard)[-_]?)?\d*$/i.test(stem)
    const split = isNumber ? inner : stem
    const outer = isNumber ? folders.slice(0, -1) : folders
    return { name, split: split === "" ? undefined : split, configuration: outer.join("/") }
  })
  const configurations = [...new Set(files.map(({ configuration }) => configuration))]
  if (configurations.length > 1)
    throw new VitrineError(
      "config",
      `${title}: holds files of several configurations (${configurations
        .slice(0, 5)
        .map((name) => name || ".")
        .join(", ")}): give one, as ${title}/${configurations.find((name) => name !== "")}`,
    )
  const isSplit = files.some(({ split }) => split !== undefined && splitOf(split) !== undefined)
  return files.map(({ name, split }) => ({ name, split: isSplit ? split : undefined }))
}

/**
 * The split that a name means. Rows of other names are passed over.
 * @param training the name of the split for training, if it is not the usual one
 */
export function splitNamed(name: string | undefined, training: string | undefined): Split | "other" | undefined {
  if (name === undefined) return undefined
  if (training === undefined) return splitOf(name) ?? "other"
  if (name === training) return "train"
  const split = splitOf(name)
  return split === undefined || split === "train" ? "other" : split
}
