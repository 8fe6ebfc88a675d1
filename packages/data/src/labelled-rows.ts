import { at } from "./at.ts"
import type { RowLabels } from "./tables/labels.ts"
import type { SplitExample } from "./tables/split-examples.ts"
import { splitNamed } from "./shard-names.ts"

/** A row with its label and its split. */
export interface LabelledRow extends SplitExample {
  /** The index of the row among those whose labels were read. */
  readonly place: number
}

interface RowFacts<R> {
  /** The name of a row's split in the data. */
  splitNameOf(row: R, place: number): string | undefined
  /** The name of the split for training, if it is not the usual one. */
  readonly training: string | undefined
  /** The kinds of rows that are passed over: those without a label, and those of a split, before its name. */
  readonly kinds: { readonly unlabelled: string; readonly ofSplit: string }
  /** Called for a row that is passed over. */
  passOver(kind: string, row: R): void
}

/** Gives rows their labels and splits. Rows without a label and rows of other splits are passed over. */
export function labelledRows<R extends object>(
  rows: readonly R[],
  { labels, labelSets }: RowLabels,
  { splitNameOf, training, kinds, passOver }: RowFacts<R>,
): (R & LabelledRow)[] {
  return rows.flatMap((row, place): (R & LabelledRow)[] => {
    const label = at(labels, place)
    if (labelSets === undefined && label < 0) {
      passOver(kinds.unlabelled, row)
      return []
    }
    const name = splitNameOf(row, place)
    const split = splitNamed(name, training)
    if (split === "other") {
      passOver(`${kinds.ofSplit} "${name}"`, row)
      return []
    }
    return [{ ...row, place, label, split, splitName: split && name }]
  })
}
