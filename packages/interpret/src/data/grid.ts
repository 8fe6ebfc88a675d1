import { VitrineError } from "@vitrine/core"

/** How the patches of an image lie: so many down, so many across. */
export interface Grid {
  readonly rows: number
  readonly columns: number
}

/** The place of a patch, from the top left, from 0. */
export interface Place {
  readonly row: number
  readonly column: number
}

/** A number for each patch of an image. */
export interface PatchMap {
  readonly grid: Grid
  /** `[rows, columns]`. */
  readonly values: Float32Array
}

/**
 * How many tokens stand before the patches: class token, distillation token, registers.
 * @throws VitrineError (shape) for fewer tokens than patches, or a grid that is none.
 */
export function prefixTokens(tokens: number, { rows, columns }: Grid, what: string): number {
  if (![rows, columns].every((n) => Number.isSafeInteger(n) && n > 0))
    throw new VitrineError("shape", `a grid must have one row and column or more, got ${rows}×${columns}`)
  if (tokens < rows * columns)
    throw new VitrineError("shape", `${what}: ${tokens} tokens are too few for ${rows}×${columns} patches`)
  return tokens - rows * columns
}

/** @throws VitrineError (config) for a place outside of the grid. */
export function patchIndex({ rows, columns }: Grid, { row, column }: Place): number {
  const inside = (n: number, end: number): boolean => Number.isInteger(n) && n >= 0 && n < end
  if (!inside(row, rows) || !inside(column, columns))
    throw new VitrineError("config", `no patch ${row},${column}: there are ${rows} rows and ${columns} columns, from 0`)
  return row * columns + column
}
