import { VitrineError } from "@vitrine/core"

/** The rows and columns of an image's patches. */
export interface Grid {
  readonly rows: number
  readonly columns: number
}

/** A patch by its row and column; both count from 0 at the top left. */
export interface Place {
  readonly row: number
  readonly column: number
}

/** A number for each patch of an image. */
export interface PatchMap {
  readonly grid: Grid
  /** `[rows, columns]` */
  readonly values: Float32Array
}

/**
 * The number of tokens before the patches: class token, distillation token, registers.
 * @throws VitrineError (shape) for an empty grid, and for fewer tokens than patches
 */
export function prefixTokens(tokens: number, { rows, columns }: Grid, name: string): number {
  if (![rows, columns].every((n) => Number.isSafeInteger(n) && n > 0))
    throw new VitrineError("shape", `a grid must have one row and column or more, got ${rows}×${columns}`)
  if (tokens < rows * columns)
    throw new VitrineError("shape", `${name}: ${tokens} tokens are too few for ${rows}×${columns} patches`)
  return tokens - rows * columns
}

/**
 * The index of a patch, counted row by row.
 * @throws VitrineError (config) for a place outside the grid
 */
export function patchIndex({ rows, columns }: Grid, { row, column }: Place): number {
  if (!isIndex(row, rows) || !isIndex(column, columns))
    throw new VitrineError("config", `no patch ${row},${column}: there are ${rows} rows and ${columns} columns, from 0`)
  return row * columns + column
}

/** @throws VitrineError (config) for an index that is not one of 0 … count − 1 */
export function checkIndex(name: string, index: number, count: number): void {
  if (!isIndex(index, count)) throw new VitrineError("config", `no ${name} ${index}: there are ${count}, from 0`)
}

/** Whether a number is one of 0 … count − 1. */
export const isIndex = (n: number, count: number): boolean => Number.isInteger(n) && n >= 0 && n < count
