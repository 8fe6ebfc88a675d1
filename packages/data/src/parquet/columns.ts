import { VitrineError } from "@vitrine/core"
import type { SchemaTree } from "hyparquet"
import type { ParquetFile } from "./file.ts"

/** Where the images of a Parquet file are. */
export type ImageColumn =
  | {
      /** The bytes of image files. */
      readonly kind: "bytes"
      readonly column: string
      readonly path: string
      /** The definition level of a value that is there. */
      readonly levels: number
      /** The column with the paths of images that have no bytes. */
      readonly paths: string | undefined
    }
  | {
      /** Paths of image files. */
      readonly kind: "paths"
      readonly column: string
      readonly path: string
    }

/** A column whose values a table can hold. */
export interface TableColumn {
  readonly name: string
  readonly path: string
  /** The names of the classes, if `datasets` has written the column as a ClassLabel or as a list of them. */
  readonly classNames: readonly string[] | undefined
}

/**
 * Finds the column of images: the one that is named, that of the type Image in Hugging Face's schema, a struct of bytes
 * and path, or bytes. Undefined if there is none, so that the file may be a table of paths.
 * @throws VitrineError (config) for two candidates, and for a named column that holds no images
 */
export function imageColumn(
  { schema: { children }, features, source: { name } }: ParquetFile,
  named: string | undefined,
): ImageColumn | undefined {
  if (named !== undefined) {
    const node = children.find(({ element }) => element.name === named)
    const list = children.map(({ element }) => element.name).join(", ")
    if (node === undefined)
      throw new VitrineError("config", `${name}: has no column "${named}" (--file-column); its columns are ${list}`)
    const column = imagesOf(node) ?? pathsOf(node)
    if (column === undefined)
      throw new VitrineError("config", `${name}: the column "${named}" (--file-column) holds no images of one a row`)
    return column
  }
  const marked = children.filter(({ element }) => typeOf(features[element.name]) === "Image")
  const candidates = (marked.length > 0 ? marked : children).flatMap((node) => imagesOf(node) ?? [])
  const usual = candidates.filter(({ column }) => /^(image|img|picture|photo)$/i.test(column))
  const [first, ...others] = usual.length === 1 ? usual : candidates
  if (others.length > 0)
    throw new VitrineError(
      "config",
      `${name}: the images could be in the columns ${candidates.map(({ column }) => `"${column}"`).join(" and ")}: say which (fileColumn, --file-column)`,
    )
  return first
}

function imagesOf(node: SchemaTree): ImageColumn | undefined {
  const { element, children } = node
  const child = (name: string): SchemaTree | undefined =>
    children.find((each) => each.element.name === name && each.children.length === 0)
  if (element.repetition_type === "REPEATED") return undefined
  const column = element.name
  if (children.length === 0)
    return isBytes(node)
      ? { kind: "bytes", column, path: column, levels: levelsOf([node]), paths: undefined }
      : undefined
  const [bytes, path] = [child("bytes"), child("path")]
  if (bytes === undefined || bytes.element.type !== "BYTE_ARRAY") return undefined
  const levels = levelsOf([node, bytes])
  return { kind: "bytes", column, path: `${column}.bytes`, levels, paths: path && `${column}.path` }
}

function pathsOf({ element, children }: SchemaTree): ImageColumn | undefined {
  return element.type === "BYTE_ARRAY" && children.length === 0 && element.repetition_type !== "REPEATED"
    ? { kind: "paths", column: element.name, path: element.name }
    : undefined
}

/** Whether a column holds bytes and no text. */
export function isBytes({ element: { type, converted_type, logical_type } }: SchemaTree): boolean {
  return type === "BYTE_ARRAY" && converted_type === undefined && logical_type === undefined
}

const levelsOf = (nodes: readonly SchemaTree[]): number =>
  nodes.filter(({ element }) => element.repetition_type !== "REQUIRED").length

/** The columns that a table can hold: single values, and lists of them. */
export function tableColumns({ schema, features }: ParquetFile): TableColumn[] {
  return schema.children.flatMap((node): TableColumn[] => {
    const leaves = leavesOf(node)
    const [leaf] = leaves
    const { name } = node.element
    if (leaf === undefined || leaves.length > 1 || isBytes(leaf)) return []
    return [{ name, path: leaf.path.join("."), classNames: classNamesOf(features[name]) }]
  })
}

function leavesOf(node: SchemaTree): SchemaTree[] {
  return node.children.length === 0 ? [node] : node.children.flatMap(leavesOf)
}

function typeOf(feature: unknown): unknown {
  const { _type: type }: { readonly _type?: unknown } = Object(feature)
  return type
}

/** The names of a ClassLabel, which may stand in a list. */
export function classNamesOf(feature: unknown): readonly string[] | undefined {
  const { feature: inner, names }: { readonly feature?: unknown; readonly names?: unknown } = Object(feature)
  if (typeOf(feature) === "ClassLabel")
    return Array.isArray(names)
      ? names.map((name: unknown) => (typeof name === "object" ? JSON.stringify(name) : String(name)))
      : undefined
  const [item = inner]: readonly unknown[] = Array.isArray(feature) ? feature : []
  return item === undefined ? undefined : classNamesOf(item)
}
