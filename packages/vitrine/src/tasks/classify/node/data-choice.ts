import { resolve } from "node:path"
import type { ResolveOptions } from "@vitrine/data/node"
import type { RunRecord } from "../record-type.ts"

/** The columns of a table that are read. */
export type ColumnChoice = Pick<ResolveOptions, "fileColumn" | "labelColumns">

/** Whether data are those that a run was trained on. */
export function isRunData(record: RunRecord | null, data: string | undefined): boolean {
  return record !== null && (data === undefined || data === record.data || resolve(data) === record.data)
}

/**
 * The options for reading evaluation data. If the data are those of the model's run, the options are the run's.
 * Otherwise they are those of a new run.
 */
export function dataChoiceOf(
  record: RunRecord | null,
  data: string | undefined,
  { fileColumn, labelColumns }: ColumnChoice,
): ResolveOptions {
  const columns = { fileColumn: fileColumn ?? record?.fileColumn, labelColumns: labelColumns ?? record?.labelColumns }
  if (record === null) return { fileColumn, labelColumns }
  const { seed, valFraction, testValidates, trainSplit } = record
  return isRunData(record, data)
    ? { seed, valFraction, testValidates, trainSplit, ...columns }
    : { seed, testValidates, fileColumn, labelColumns }
}
