import { at } from "./at.ts"

/**
 * The labels of images that may have any number of them. Those of example i are the items of `classes` from `starts[i]`
 * up to `starts[i + 1]`.
 */
export interface LabelSets {
  /** [examples + 1], ascending from 0. */
  readonly starts: Uint32Array
  readonly classes: Uint32Array
}

/** Packs the labels of each example. */
export function labelSets(lists: readonly (readonly number[])[]): LabelSets {
  const starts = new Uint32Array(lists.length + 1)
  for (const [i, list] of lists.entries()) starts[i + 1] = at(starts, i) + list.length
  return { starts, classes: Uint32Array.from(lists.flat()) }
}

/** The labels of an example. */
export function labelsAt({ starts, classes }: LabelSets, example: number): Uint32Array {
  return classes.subarray(starts[example], starts[example + 1])
}

/** The same sets with other indices of the classes. */
export function renumberLabelSets({ starts, classes }: LabelSets, numbers: readonly number[]): LabelSets {
  return { starts, classes: classes.map((label) => at(numbers, label)) }
}

/** Selects the label sets of some examples. */
export function pickLabelSets(sets: LabelSets, examples: ArrayLike<number>): LabelSets {
  return labelSets(Array.from(examples, (example) => [...labelsAt(sets, example)]))
}
