import { foldKey, type Key, keyFromSeed, permutation, VitrineError } from "@vitrine/core"
import { at } from "./at.ts"
import { grouped } from "./grouped.ts"

/** A part of data: for training, for choosing models, or for measuring the chosen model. */
export type Split = "train" | "val" | "test"

/** The usual names of splits in lower case. Earlier names take precedence. */
export const usualSplitNames: Readonly<Record<Split, readonly string[]>> = {
  train: ["train", "training", "training_set", "train_set", "train_images", "training_images"],
  val: [
    "val",
    "valid",
    "validation",
    "dev",
    "val_set",
    "validation_set",
    "val_images",
    "valid_images",
    "validation_images",
  ],
  test: ["test", "testing", "test_set", "eval", "testing_set", "test_images", "testing_images"],
}

/** The splits of data. */
export const splits: readonly Split[] = ["train", "val", "test"]

/** The split that a name means, in any case of letters. */
export function splitOf(name: string): Split | undefined {
  const lower = name.trim().toLowerCase()
  return splits.find((split) => usualSplitNames[split].includes(lower))
}

/** The names of splits in the data, such as those of their folders. A split that was held out has no name. */
export type SplitNames = Readonly<Partial<Record<Split, string>>>

/** The division of data that have no splits. */
export interface SplitOptions {
  /**
   * The share of each class of the training set to hold out for validation. The default is 0.1 if there is no other
   * split, else 0.
   */
  readonly valFraction?: number | undefined
  /** Determines which examples are held out; 0 by default. */
  readonly seed?: number | undefined
  /**
   * Whether a test split is used for validation if there is no validation split, as in older versions; false by
   * default.
   */
  readonly testValidates?: boolean | undefined
}

/** @throws VitrineError (config) */
export function checkFraction(valFraction: number | undefined): void {
  if (valFraction !== undefined && !(valFraction >= 0 && valFraction < 1))
    throw new VitrineError("config", `valFraction must be in [0, 1), got ${valFraction}`)
}

/**
 * Holds out a share of the examples for training if there are none for validation.
 * @param labelOf the index of an example's class
 */
export function withValidation<E>(
  lists: Readonly<Record<Split, readonly E[]>>,
  labelOf: (example: E) => number,
  classes: readonly string[],
  options: SplitOptions,
): Readonly<Record<Split, readonly E[]>> {
  const { train, val, test } = lists
  if (val.length > 0) return lists
  const out = heldOut(Int32Array.from(train, labelOf), classes, validationShare(options, test.length), options.seed)
  const part = (isOut: boolean): E[] => train.filter((_, place) => out.has(place) === isOut)
  return { train: part(false), val: part(true), test }
}

/** The share of the examples for training that is held out if there are none for validation. */
export const validationShare = ({ valFraction }: SplitOptions, testExamples: number): number =>
  valFraction ?? (testExamples > 0 ? 0 : 0.1)

/**
 * The indices in a list of labels that are held out: a share of each class, at least one if it has two. The selection
 * depends only on the seed and the class's name.
 */
export function heldOut(
  labels: ArrayLike<number>,
  classes: readonly string[],
  valFraction: number,
  seed = 0,
): ReadonlySet<number> {
  const out = new Set<number>()
  if (valFraction === 0) return out
  for (const [label, places] of grouped(labels, classes.length).entries()) {
    const key = foldKey(keyFromSeed(seed), "split", at(classes, label))
    for (const place of drawnShare(key, places.length, valFraction)) out.add(at(places, place))
  }
  return out
}

/** Draws a share of the numbers below `count`: none of one number, at least one of two if the share is above 0. */
export function drawnShare(key: Key, count: number, share: number): Uint32Array {
  const drawn = count < 2 || !(share > 0) ? 0 : Math.max(1, Math.round(count * share))
  return drawn === 0 ? new Uint32Array() : permutation(key, count).subarray(0, drawn)
}
