import { foldKey, keyFromSeed, permutation, VitrineError } from "@vitrine/core"
import { at } from "./at.ts"

/** A part of data: to train on, to choose models by, to measure the chosen one. */
export type Split = "train" | "val" | "test"

/** The usual names of splits, in lower case. Those that come first are taken first. */
export const usualSplitNames: Readonly<Record<Split, readonly string[]>> = {
  train: ["train", "training", "training_set"],
  val: ["val", "valid", "validation", "dev"],
  test: ["test", "testing", "test_set", "eval"],
}

export const splits: readonly Split[] = ["train", "val", "test"]

/** The split that a name of any case stands for. */
export function splitOf(name: string): Split | undefined {
  const lower = name.trim().toLowerCase()
  return splits.find((split) => usualSplitNames[split].includes(lower))
}

/** What splits are called in data, such as the names of their folders. A split that was held out has no name. */
export type SplitNames = Readonly<Partial<Record<Split, string>>>

/** How data without splits of their own are divided. */
export interface SplitOptions {
  /** Share of each class to hold out of the training set to validate on. By default 0.1 where there is no other split, else 0. */
  readonly valFraction?: number | undefined
  /** Decides which examples those are; default 0. */
  readonly seed?: number | undefined
  /** Whether a test split validates where there is no validation split, as older versions had it; default false. */
  readonly testValidates?: boolean | undefined
}

/** @throws VitrineError (config) */
export function checkFraction(valFraction: number | undefined): void {
  if (valFraction !== undefined && !(valFraction >= 0 && valFraction < 1))
    throw new VitrineError("config", `valFraction must be in [0, 1), got ${valFraction}`)
}

/**
 * The places that are held out of a list of labels: of each class a share, at least one place where there are two. The seed and the
 * class's name alone decide which.
 */
export function heldOut(
  labels: ArrayLike<number>,
  classes: readonly string[],
  valFraction: number,
  seed: number,
): ReadonlySet<number> {
  if (valFraction === 0) return new Set()
  const members = classes.map((): number[] => [])
  for (let place = 0; place < labels.length; place++) members[at(labels, place)]?.push(place)
  return new Set(
    members.flatMap((places, label) => {
      const count = places.length < 2 ? 0 : Math.max(1, Math.round(places.length * valFraction))
      const order = permutation(foldKey(keyFromSeed(seed), "split", at(classes, label)), places.length)
      return Array.from(order.subarray(0, count), (place) => at(places, place))
    }),
  )
}
