import type { SchemaTree } from "hyparquet"
import { classNamesOf, isBytes } from "./columns.ts"
import type { ParquetFile } from "./file.ts"

/** A column of single values, or of lists of them, which may be a part of a struct. */
export interface Leaf {
  /** The path of the column in its file. */
  readonly path: string
  /** The names of the structs and of the value, without those that Parquet gives to lists. */
  readonly names: readonly string[]
  readonly isList: boolean
  readonly isText: boolean
  /** The names of the classes, if `datasets` has written the column as a ClassLabel. */
  readonly classNames: readonly string[] | undefined
}

/** The leaves of the first file. Columns of bytes are left out. */
export function leavesOf([file]: readonly ParquetFile[]): Leaf[] {
  if (file === undefined) return []
  const { schema, features } = file
  return schema.children.flatMap((node) => below(node, [], [], features[node.element.name], false))
}

function below(
  node: SchemaTree,
  path: readonly string[],
  names: readonly string[],
  feature: unknown,
  inList: boolean,
): Leaf[] {
  const { element, children } = node
  const [only] = children
  const isRepeated = element.repetition_type === "REPEATED"
  const isList = inList || isRepeated
  const at = [...path, element.name]
  // A list is a group around a repeated group around its items.
  const holdsList = children.length === 1 && only?.element.repetition_type === "REPEATED"
  const isWrapper = isRepeated && path.length > 0 && children.length === 1
  const isItem = inList && /^(element|item|array|array_element)$/.test(element.name)
  const inner = isWrapper || isItem ? names : [...names, element.name]
  if (children.length === 0) {
    if (isBytes(node)) return []
    const isText = element.type === "BYTE_ARRAY"
    return [{ path: at.join("."), names: inner, isList, isText, classNames: classNamesOf(feature) }]
  }
  return children.flatMap((child) =>
    below(child, at, inner, holdsList || isWrapper ? feature : fieldOf(feature, child.element.name), isList),
  )
}

/** The feature of a struct's field. `datasets` puts lists around structs, or into their fields. */
function fieldOf(feature: unknown, name: string): unknown {
  const item: unknown = Array.isArray(feature) ? feature[0] : feature
  const fields: Readonly<Record<string, unknown>> = Object(item)
  if (Object.hasOwn(fields, name) && name !== "feature" && name !== "_type") return fields[name]
  return Object.hasOwn(fields, "feature") ? fieldOf(fields["feature"], name) : undefined
}
