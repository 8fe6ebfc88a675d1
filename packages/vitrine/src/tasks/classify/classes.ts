import { VitrineError } from "@vitrine/core"

/** How the classes of data are found among a model's: all have one of its names, or they are its classes in their order. */
export type ClassMatch = "name" | "position"

export interface MatchedClasses {
  /** The model's class of each of the data's. */
  readonly places: readonly number[]
  readonly match: ClassMatch
  /** What the model's classes are called: by the data, where the model does not name them. */
  readonly labels: readonly string[]
}

/** A name that only numbers a class: `7`, transformers' `LABEL_7`, or one of WordNet's, whose order is ImageNet's. */
const numbering = /^(LABEL_)?\d+$|^n\d{8}$/

/**
 * Finds the classes of data among a model's by name. By position only where the names of one side do not say what the
 * classes are (the model has none, or they are numbers), or where `byPosition` asks for it.
 * @param labels the model's names, if it has any, of its `count` classes.
 * @throws VitrineError (config) for classes that the model cannot be measured on.
 */
export function matchClasses(
  { name, classes }: { readonly name: string; readonly classes: readonly string[] },
  labels: readonly string[] | null,
  count: number,
  byPosition = false,
): MatchedClasses {
  const places = classes.map((each) => labels?.indexOf(each) ?? -1)
  if (!byPosition && labels !== null && places.every((place) => place >= 0)) return { places, match: "name", labels }
  if (classes.length !== count)
    throw new VitrineError(
      "config",
      `${name}: has ${classes.length} classes, the model ${count}${labels === null ? ", which it does not name" : `, and none is called ${missing(classes, places)}`}; give the data it was trained for, or choose among their classes`,
    )
  const numbered = (names: readonly string[]): boolean => names.every((each) => numbering.test(each))
  const disjoint = places.every((place) => place < 0)
  if (byPosition || (disjoint && (labels === null || numbered(labels) || numbered(classes))))
    return {
      places: classes.map((_, place) => place),
      match: "position",
      labels: labels === null || numbered(labels) ? classes : labels,
    }
  throw new VitrineError(
    "config",
    `${name}: the model has ${count} classes and none is called ${missing(classes, places)}, but ${JSON.stringify(labels?.[0])}, …; give the data it was trained for, or say that they are its classes in their order (byPosition, --by-position)`,
  )
}

const missing = (classes: readonly string[], places: readonly number[]): string =>
  JSON.stringify(classes[places.indexOf(-1)])
