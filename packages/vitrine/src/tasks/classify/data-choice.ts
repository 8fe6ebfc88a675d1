import type { ResolveOptions } from "@vitrine/data/node"
import type { RunRecord } from "./record-type.ts"

/** The columns of a table that are read. */
export type ColumnChoice = Pick<ResolveOptions, "fileColumn" | "labelColumns">

/** How data are read that a model is measured on: as its run did its own data, and without a run as a new one would. */
export function dataChoiceOf(
  record: RunRecord | null,
  data: string | undefined,
  { fileColumn, labelColumns }: ColumnChoice,
): ResolveOptions {
  const columns = { fileColumn: fileColumn ?? record?.fileColumn, labelColumns: labelColumns ?? record?.labelColumns }
  if (record === null) return { fileColumn, labelColumns }
  const { seed, valFraction, testValidates } = record
  const isOwn = data === undefined || data === record.data
  return isOwn ? { seed, valFraction, testValidates, ...columns } : { seed, testValidates, fileColumn, labelColumns }
}
