import { VitrineError } from "@vitrine/core"
import { byCodePoint } from "./code-points.ts"

/** If more classes than this have no image, the labels must be wrong. */
const mostGaps = 100_000

/** Classes that were derived from labels. */
export interface NamedClasses {
  readonly classes: readonly string[]
  /** Notes for the user, such as numbers that no image has. */
  readonly notes: readonly string[]
}

/**
 * Derives classes from labels as texts. Whole numbers from 0 on are indices of classes. Other labels are sorted as
 * torchvision sorts folders.
 * @throws VitrineError (file) for numbers that cannot be classes
 */
export function classesOfLabels(labels: Iterable<string>, name: string): NamedClasses {
  const distinct = [...new Set(labels)]
  if (distinct.every((label) => /^\d+$/.test(label) && String(Number(label)) === label))
    return numberedClasses(distinct.map(Number), name)
  const fraction = distinct.find((label) => /^-?\d*\.\d+$/.test(label))
  if (fraction !== undefined)
    throw new VitrineError("file", `${name}: the label ${fraction} is a number with a fraction, and no class`)
  return { classes: distinct.sort(byCodePoint), notes: [] }
}

/** The classes "0", "1", … up to the greatest number, and a note of the missing ones. */
export function numberedClasses(numbers: Iterable<number>, name: string): NamedClasses {
  const present = new Set(numbers)
  let greatest = -1
  for (const number of present) greatest = Math.max(greatest, number)
  const count = greatest + 1
  if (count - present.size > mostGaps)
    throw new VitrineError(
      "file",
      `${name}: a label is ${greatest}, but there are only ${present.size} different ones: number the classes from 0`,
    )
  const gaps: string[] = []
  for (let from = 0; from < count; from++) {
    if (present.has(from)) continue
    let to = from
    while (to + 1 < count && !present.has(to + 1)) to++
    gaps.push(from === to ? String(from) : `${from} … ${to}`)
    from = to
  }
  const notes =
    gaps.length === 0
      ? []
      : [
          `no image has the label ${gaps.slice(0, 5).join(", ")}${gaps.length > 5 ? ", …" : ""}: of ${count} classes ${count - present.size} stay empty`,
        ]
  return { classes: Array.from({ length: count }, (_, i) => String(i)), notes }
}
