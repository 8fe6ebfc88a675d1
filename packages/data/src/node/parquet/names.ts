import { byCodePoint } from "../../code-points.ts"
import { isHiddenPath } from "../../formats.ts"

/** The Parquet files of a folder that are not hidden, in order. */
export function parquetNames(names: readonly string[]): string[] {
  return names.filter((name) => isParquetPath(name) && !isHiddenPath(name)).sort(byCodePoint)
}

export const isParquetPath = (path: string): boolean => /\.parquet$/i.test(path)
