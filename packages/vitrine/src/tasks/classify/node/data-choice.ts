import { resolve } from "node:path"
import { VitrineError } from "@vitrine/core"
import { dataListing, type ResolveOptions } from "@vitrine/data/node"
import { checkRunData, isAway, isSameData, locateData } from "../../../node/data.ts"
import type { RunRecord } from "../record-type.ts"

/** The columns of a table that are read. */
export type ColumnChoice = Pick<ResolveOptions, "fileColumn" | "labelColumns">

/** Whether data are those that a run was trained on. */
export function isRunData(record: RunRecord | null, data: string | undefined): boolean {
  return record !== null && isSameData(record.data, data)
}

/**
 * The name of data for `isRunData` and `dataChoiceOf`: undefined for those of the run, also if they have moved since.
 * @throws VitrineError (file) if nobody says where they have moved
 */
export async function movedData(
  run: string,
  record: RunRecord | null,
  data: string | undefined,
  columns: ColumnChoice,
): Promise<string | undefined> {
  if (record === null || !isAway(record.data)) return data
  if (data === undefined) checkRunData(run, record.data)
  if (data === undefined || record.listing === undefined) return data
  const { digest } = record.listing
  try {
    const { resolved } = await locateData(data, dataChoiceOf(record, undefined, columns))
    return (await dataListing(resolved, resolve(data)))?.digest === digest ? undefined : data
  } catch (error) {
    if (VitrineError.isInstance(error)) return data
    throw error
  }
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
