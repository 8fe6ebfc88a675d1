import { basename } from "node:path"
import { at } from "../../at.ts"
import type { ImageColumn } from "../../parquet/columns.ts"
import type { ResolvedData } from "../../resolved.ts"
import type { Table } from "../../tables/table.ts"
import { resolveTables } from "../tables/resolve.ts"
import { openTree } from "../tree.ts"
import type { ParquetOptions } from "./options.ts"
import type { OpenPart } from "../../parquet/part.ts"
import { tableOf } from "../../parquet/table.ts"

/** Finds images and labels in Parquet files that hold the paths of images. */
export async function resolvePaths(
  folder: string,
  parts: readonly { readonly name: string }[],
  files: readonly OpenPart[],
  images: ImageColumn | undefined,
  title: string,
  options: ParquetOptions,
): Promise<ResolvedData> {
  const tree = await openTree(folder, () => false)
  try {
    const tables = new Map<string, Table>()
    for (const [i, { file, path }] of files.entries()) {
      const column = images && {
        name: images.column,
        path: (images.kind === "bytes" ? images.paths : images.path) ?? "",
      }
      tables.set(at(parts, i).name, await tableOf(file, basename(path), column, options))
    }
    const columns = { ...options, fileColumn: images?.column ?? options.fileColumn }
    return await resolveTables(tree, [...tables.keys()], title, columns, async (name) => {
      const table = tables.get(name)
      if (table === undefined) throw new Error(`there is no table ${name}`)
      return table
    })
  } finally {
    await tree.close()
  }
}
