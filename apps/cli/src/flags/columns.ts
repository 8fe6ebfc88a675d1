import type { Flags } from "./flag.ts"
import { namesValue } from "./values.ts"

/** The flags that name the columns of a table of labels. */
export const columnFlags = {
  fileColumn: {
    value: "<name>",
    help: "of a table, Parquet or WebDataset: the column with the images; default: file, image, path, id …",
  },
  labelColumn: {
    value: "<a,b,…>",
    help: "the column with the labels, or several with 0 and 1; default: label, class, category …",
    parse: namesValue,
  },
} as const satisfies Flags
