import type { DatasetSource, SubsetSource } from "../dataset.ts"
import { heldOut } from "../splits.ts"
import type { ResolvedData } from "../resolved.ts"

/** Holds out a share of each class of a source for validation. */
export function divide(
  source: DatasetSource,
  labels: ArrayLike<number>,
  classes: readonly string[],
  share: number,
  seed: number,
): Pick<ResolvedData, "train" | "val"> {
  const out = heldOut(labels, classes, share, seed)
  if (out.size === 0) return { train: source, val: null }
  const part = (isOut: boolean): SubsetSource => ({
    kind: "subset",
    of: source,
    examples: Uint32Array.from(Array.from(labels, (_, i) => i).filter((i) => out.has(i) === isOut)),
    classes,
  })
  return { train: part(false), val: part(true) }
}
