/** A value in a table: text, or any JSON value in a file of JSON lines. */
export type Cell = unknown

export interface Table {
  /** The file's name in errors. */
  readonly name: string
  readonly columns: readonly string[]
  /** The cells of each row, in the order of the columns. A cell is undefined if its JSON line lacks the column. */
  readonly rows: readonly (readonly Cell[])[]
}

/** Larger tables are refused before they are read. */
export const mostTableBytes: number = 256 * 2 ** 20

/** Whether a path has the name of a table. */
export function isTablePath(path: string): boolean {
  return /\.(csv|tsv|jsonl)$/i.test(path)
}

/** Whether a path has the name of a table in Hugging Face's image folders. */
export function isMetadataPath(path: string): boolean {
  return /(^|\/)metadata\.(csv|jsonl)$/.test(path)
}
