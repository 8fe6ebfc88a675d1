import { VitrineError } from "@vitrine/core"

/** The way in which classes of data match a model's: by name, or by their order. */
export type ClassMatch = "name" | "position"

export interface MatchedClasses {
  /** For each class of the data, the index of the model's class. */
  readonly modelClasses: readonly number[]
  readonly match: ClassMatch
  /** The names of the model's classes, or of the data's if the model has none. */
  readonly labels: readonly string[]
}

/** A name that only numbers a class: `7`, `LABEL_7` of transformers, or an id of WordNet, whose order is ImageNet's. */
const numbering = /^(LABEL_)?\d+$|^n\d{8}$/

/**
 * Matches the classes of data with a model's by name. They match by position only if the names of one side are
 * meaningless (the model has none, or they are numbers), or if `byPosition` is true.
 * @param labels the names of the model's classes, if it has any
 * @param count the number of the model's classes
 * @throws VitrineError (config) for classes that the model does not have
 */
export function matchClasses(
  { name, classes }: { readonly name: string; readonly classes: readonly string[] },
  labels: readonly string[] | null,
  count: number,
  byPosition = false,
): MatchedClasses {
  const matches = classes.map((label) => labels?.indexOf(label) ?? -1)
  if (!byPosition && labels !== null && !matches.includes(-1)) return { modelClasses: matches, match: "name", labels }
  if (!byPosition && labels === null && classes.every((label) => /^\d+$/.test(label))) {
    const outputs = classes.map(Number)
    if (outputs.every((output) => output < count))
      return { modelClasses: outputs, match: "name", labels: Array.from({ length: count }, (_, i) => String(i)) }
    if (classes.length === count)
      throw new VitrineError(
        "config",
        `${name}: its folders are numbers up to ${Math.max(...outputs)}, but the model's classes are 0 to ${count - 1}: rename them, or say that they are its classes in their order (byPosition, --by-position)`,
      )
  }
  const missing = JSON.stringify(classes[matches.indexOf(-1)])
  if (classes.length !== count)
    throw new VitrineError(
      "config",
      `${name}: has ${classes.length} classes, the model ${count}${labels === null ? ", which it does not name" : `, and none is called ${missing}`}; give the data it was trained for, or choose among their classes`,
    )
  const numbered = (names: readonly string[]): boolean => names.every((label) => numbering.test(label))
  const disjoint = matches.every((match) => match === -1)
  if (byPosition || (disjoint && (labels === null || numbered(labels) || numbered(classes))))
    return {
      modelClasses: classes.map((_, position) => position),
      match: "position",
      labels: labels === null || numbered(labels) ? classes : labels,
    }
  throw new VitrineError(
    "config",
    `${name}: the model has ${count} classes and none is called ${missing}, but ${JSON.stringify(labels?.[0])}, …; give the data it was trained for, or say that they are its classes in their order (byPosition, --by-position)`,
  )
}
