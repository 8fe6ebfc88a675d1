import { foldKey, keyFromSeed, permutation, VitrineError } from "@vitrine/core"
import { at } from "./at.ts"
import type { Dataset } from "./dataset.ts"
import { pickLabelSets } from "./label-sets.ts"

/** Some of the examples of a data set. */
export interface Selection {
  /** The names of the classes to keep, in any order; all by default. The classes keep the data's order. */
  readonly classes?: readonly string[] | undefined
  /** The number of examples to keep of each class, drawn at random; all by default. */
  readonly perClass?: number | undefined
  /** Determines which examples are drawn; 0 by default. */
  readonly seed?: number | undefined
}

/**
 * The examples of some classes, or a few of each class, as a data set with labels from 0 on. The selection depends only
 * on the seed and the class's name. Examples keep the data's order.
 * @throws VitrineError (config) for a class that the data do not have, or that has fewer than `perClass` examples
 */
export function subset(dataset: Dataset, { classes, perClass, seed = 0 }: Selection): Dataset {
  const names = classes === undefined ? dataset.classes : keptClasses(dataset, classes)
  if (perClass !== undefined && !(Number.isSafeInteger(perClass) && perClass >= 1))
    throw new VitrineError("config", `perClass must be a positive integer, got ${perClass}`)
  if (names === dataset.classes && perClass === undefined) return dataset
  if (dataset.labelSets !== undefined)
    throw new VitrineError(
      "config",
      `${dataset.name}: its images may have several labels, and no classes to choose among`,
    )
  const places = dataset.classes.map((name) => names.indexOf(name))
  const members = names.map((): number[] => [])
  dataset.labels.forEach((label, example) => members[at(places, label)]?.push(example))
  const drawn =
    perClass === undefined ? members : members.map((all, i) => some(dataset, all, at(names, i), perClass, seed))
  return pick(dataset, Uint32Array.from(drawn.flat()).sort(), names)
}

function keptClasses({ name, classes }: Dataset, selected: readonly string[]): readonly string[] {
  const stranger = selected.find((label) => !classes.includes(label))
  if (stranger !== undefined || selected.length === 0)
    throw new VitrineError(
      "config",
      `${name}: has no class ${JSON.stringify(stranger ?? "")}; its classes are ${classes.slice(0, 20).join(", ")}${classes.length > 20 ? " …" : ""}`,
    )
  return classes.filter((label) => selected.includes(label))
}

function some(dataset: Dataset, all: readonly number[], name: string, count: number, seed: number): number[] {
  if (all.length < count)
    throw new VitrineError(
      "config",
      `${dataset.name}: has ${all.length} images of class ${JSON.stringify(name)}, not ${count}`,
    )
  const order = permutation(foldKey(keyFromSeed(seed), "subset", name), all.length)
  return Array.from(order.subarray(0, count), (place) => at(all, place))
}

/** The examples at these indices, with these classes. */
export function pick(dataset: Dataset, examples: Uint32Array, classes: readonly string[]): Dataset {
  const places = dataset.classes.map((name) => classes.indexOf(name))
  const exampleAt = (index: number): number => at(examples, index)
  const { source: of, labelSets, bytes, prefetch, reach } = dataset
  return {
    ...dataset,
    classes,
    length: examples.length,
    labels: Int32Array.from(examples, (example) => places[at(dataset.labels, example)] ?? -1),
    ...(labelSets && { labelSets: pickLabelSets(labelSets, examples) }),
    ...(of === undefined ? {} : { source: { kind: "subset", of, examples, classes } }),
    describe: (index) => dataset.describe(exampleAt(index)),
    read: (index, admit) => dataset.read(exampleAt(index), admit),
    ...(reach !== undefined && { reach: Math.max(1, examples.filter((example) => example < reach).length) }),
    ...(bytes && { bytes: (index) => bytes(exampleAt(index)) }),
    ...(prefetch && { prefetch: (some) => prefetch(some.map(exampleAt)) }),
  }
}
