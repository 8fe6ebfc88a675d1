import { join } from "node:path"
import { VitrineError } from "@vitrine/core"
import { at } from "../../at.ts"
import { mapConcurrently } from "../../concurrent.ts"
import { type ImageColumn, imageColumn } from "../../parquet/columns.ts"
import { openParquetFile } from "../../parquet/file.ts"
import type { RemoteFile } from "../../remote.ts"
import { openRemote } from "../range-cache.ts"
import { fileSource, openFile } from "../open-file.ts"
import type { ResolvedData } from "../../resolved.ts"
import { namedShards } from "../../shard-names.ts"
import type { ColumnOptions } from "../../tables/columns.ts"
import { resolveBytes } from "./bytes.ts"
import type { ParquetOptions } from "./options.ts"
import { type BytesColumn, type OpenPart, partsAtOnce } from "../../parquet/part.ts"
import { resolvePaths } from "./paths.ts"

/**
 * Finds images and labels in some Parquet files of a folder.
 * @throws VitrineError (file, config)
 */
export async function resolveParquet(
  folder: string,
  names: readonly string[],
  title: string,
  options: ParquetOptions,
): Promise<ResolvedData> {
  return withLocalParts(folder, names, title, async (files) => {
    const images = columnOfImages(files, title, options)
    if (images?.kind !== "bytes" || holdsNoBytes(files, images))
      return resolvePaths(folder, namedShards(names, title), files, images, title, options)
    return resolveBytes(files, images, title, options)
  })
}

/** A Parquet file on a server: its address, and a name that may say its split. */
export interface RemotePart extends RemoteFile {
  readonly name: string
}

/**
 * Finds images and labels in Parquet files on servers. Of images only the footers and the columns of labels are read.
 * @throws VitrineError (file, config)
 */
export async function resolveRemoteParquet(
  parts: readonly RemotePart[],
  title: string,
  options: ParquetOptions,
): Promise<ResolvedData> {
  return withRemoteParts(parts, title, (files) =>
    resolveBytes(files, bytesOfImages(files, title, options), title, options),
  )
}

/** Opens some Parquet files of a folder, and closes them after their use. */
export async function withLocalParts<T>(
  folder: string,
  names: readonly string[],
  title: string,
  use: (files: readonly OpenPart[]) => Promise<T>,
): Promise<T> {
  const files: OpenPart[] = []
  const closers: (() => Promise<void>)[] = []
  try {
    for (const { name, split } of namedShards(names, title)) {
      const path = join(folder, name)
      const { file, size } = await openFile(path)
      closers.push(() => file.close())
      files.push({ path, split, file: await openParquetFile(fileSource(file, size, path)) })
    }
    return await use(files)
  } finally {
    for (const close of closers) await close()
  }
}

/** Opens Parquet files on servers. */
export async function withRemoteParts<T>(
  parts: readonly RemotePart[],
  title: string,
  use: (files: readonly OpenPart[]) => Promise<T>,
): Promise<T> {
  const splits = namedShards(
    parts.map(({ name }) => name),
    title,
  )
  return use(
    await mapConcurrently(parts, partsAtOnce, async (part, i): Promise<OpenPart> => {
      const { split } = at(splits, i)
      const { url: path, authorization } = part
      return { path, authorization, split, file: await openParquetFile(await openRemote(part)) }
    }),
  )
}

/**
 * The column with the images of open files.
 * @throws VitrineError (file) if it does not hold the bytes of images
 */
export function bytesOfImages(files: readonly OpenPart[], title: string, options: ParquetOptions): BytesColumn {
  const images = columnOfImages(files, title, options)
  if (images?.kind === "bytes" && !holdsNoBytes(files, images)) return images
  throw new VitrineError(
    "file",
    `${title}: holds paths of images and not the images: write the bytes of the images into the files`,
  )
}

function columnOfImages(
  files: readonly OpenPart[],
  title: string,
  { fileColumn }: ColumnOptions,
): ImageColumn | undefined {
  const [first] = files
  if (first === undefined) throw new VitrineError("file", `${title}: holds no Parquet file`)
  return imageColumn(first.file, fileColumn)
}

/** Whether a struct of bytes and path has paths alone. */
function holdsNoBytes(files: readonly OpenPart[], { path, paths }: BytesColumn): boolean {
  if (paths === undefined) return false
  return files.every(({ file }) =>
    file.groups.every(({ rows, columns }) => columns.get(path)?.nulls === rows && columns.has(paths)),
  )
}
