import { VitrineError } from "@vitrine/core"
import type { DatasetSource } from "../dataset.ts"
import { type Split, type SplitNames, type SplitOptions, splits, withValidation } from "../splits.ts"
import type { ResolvedData } from "../resolved.ts"

/** A row with its class and the split that its table says. */
export interface SplitExample {
  readonly label: number
  readonly split: Split | undefined
  readonly splitName: string | undefined
}

/** The classes of rows, and whether a row may have several. */
interface RowFacts {
  readonly classes: readonly string[]
  readonly several: boolean
  /** The data and the table in errors. */
  readonly title: string
  readonly table: string
}

/**
 * Divides rows into splits. Rows without a split are for training. If there are no rows for validation, some are held
 * out.
 * @param empty says what was wrong if there are no rows
 * @throws VitrineError (file)
 */
export function splitExamples<E extends SplitExample>(
  examples: readonly E[],
  { classes, several, title, table }: RowFacts,
  options: SplitOptions,
  empty: () => string,
): Readonly<Record<Split, readonly E[]>> {
  const { testValidates = false } = options
  const ofSplit = (split: Split): E[] =>
    examples.filter(
      (example) => (testValidates && example.split === "test" ? "val" : (example.split ?? "train")) === split,
    )
  const lists = { train: ofSplit("train"), val: ofSplit("val"), test: ofSplit("test") }
  // If all rows belong to one split, such as the test set, that split is used as the whole data.
  const [only, ...more] = splits.filter((split) => lists[split].length > 0)
  if (only === undefined) throw new VitrineError("file", `${title}: ${table} ${empty()}`)
  if (only !== "train" && more.length === 0) [lists.train, lists[only]] = [lists[only], []]
  if (lists.train.length === 0) throw new VitrineError("file", `${title}: ${table} has no row of the split train`)
  const isNumbered = classes.every((name, i) => name === String(i))
  if (!several && !isNumbered) {
    const known = new Set(lists.train.map(({ label }) => label))
    const stranger = [...lists.val, ...lists.test].find(({ label }) => !known.has(label))
    if (stranger !== undefined)
      throw new VitrineError(
        "file",
        `${title}: the ${stranger.split === "val" ? "validation" : "test"} images have a class "${classes[stranger.label]}" that the training images lack`,
      )
  }
  return several
    ? withValidation(lists, () => 0, [""], options)
    : withValidation(lists, ({ label }) => label, classes, options)
}

/** The data of the splits of rows. */
export function splitSources<E extends SplitExample>(
  lists: Readonly<Record<Split, readonly E[]>>,
  source: (examples: readonly E[], split: Split) => DatasetSource,
): Pick<ResolvedData, "train" | "val" | "test" | "splitNames"> {
  const { train, val, test } = lists
  return {
    train: source(train, "train"),
    val: val.length > 0 ? source(val, "val") : null,
    test: test.length > 0 ? source(test, "test") : null,
    splitNames: splitNamesOf(lists),
  }
}

/** The names of the splits in the data. */
function splitNamesOf(lists: Readonly<Record<Split, readonly SplitExample[]>>): SplitNames {
  return Object.fromEntries(
    splits.flatMap((split) => {
      const name = lists[split].find((example) => example.split === split)?.splitName
      return name === undefined ? [] : [[split, name]]
    }),
  )
}
