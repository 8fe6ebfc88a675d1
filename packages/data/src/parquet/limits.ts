type Limit =
  | "firstRead"
  | "footerBytes"
  | "footerParts"
  | "rows"
  | "pageBytes"
  | "headerBytes"
  | "growth"
  | "freeBytes"
  | "valuesPerRow"
  | "valuesPerByte"
  | "freeValues"

/** The bounds of Parquet files. A file beyond one is refused before memory is taken for it. */
export const parquetLimits: Readonly<Record<Limit, number>> = {
  /** Bytes that are read at first of the end of a file. Most footers are shorter. */
  firstRead: 2 ** 17,
  footerBytes: 2 ** 25,
  /** Numbers of a footer, and four times its texts, lists and structures. */
  footerParts: 8_000_000,
  rows: 2 ** 26,
  /** Bytes of a page after it is decompressed. A page holds at least one whole image. */
  pageBytes: 2 ** 29,
  headerBytes: 2 ** 20,
  /** A page may grow by this factor, beyond `freeBytes`. */
  growth: 100,
  freeBytes: 2 ** 24,
  /** Values of a list column for each row. */
  valuesPerRow: 1024,
  /** Values of a list column beyond one a row: so many for each byte, beyond `freeValues`. */
  valuesPerByte: 12,
  freeValues: 2 ** 21,
}
