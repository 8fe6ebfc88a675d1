import type { FolderOptions } from "@vitrine/data"
import type { RunRecord } from "./record-type.ts"

/** How data are divided that a model is measured on: as its run did with its own data, and without a run as a new one would. */
export function dataChoiceOf(record: RunRecord | null, data: string | undefined): FolderOptions {
  if (record === null) return {}
  const { seed, valFraction, testValidates } = record
  return data === undefined || data === record.data ? { seed, valFraction, testValidates } : { seed, testValidates }
}
