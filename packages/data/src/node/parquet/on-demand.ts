// Parquet's reader is loaded with the first Parquet file: it is a quarter of the modules of `vitrine`.
import type { Dataset, ParquetSource } from "../../dataset.ts"
import type { ResolvedData } from "../../resolved.ts"
import type { SplitOptions } from "../../splits.ts"
import type { ImageRows, ParquetPlace } from "./image-rows.ts"
import type { ParquetLines } from "./lines.ts"
import type { ParquetOptions } from "./options.ts"
import type { RemotePart } from "./resolve.ts"

/** Opens the images of Parquet files. */
export async function openParquet(source: ParquetSource): Promise<Dataset> {
  return (await import("./open.ts")).openParquet(source)
}

/**
 * Finds images and labels in Parquet files of a folder.
 * @throws VitrineError (file, config)
 */
export async function resolveParquet(
  folder: string,
  names: readonly string[],
  title: string,
  options: ParquetOptions,
): Promise<ResolvedData> {
  return (await import("./resolve.ts")).resolveParquet(folder, names, title, options)
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
  return (await import("./resolve.ts")).resolveRemoteParquet(parts, title, options)
}

/** Finds images and texts in Parquet files, or undefined where a path is no Parquet. */
export async function parquetLines(place: ParquetPlace, options: SplitOptions): Promise<ParquetLines | undefined> {
  return (await import("./lines.ts")).parquetLines(place, options)
}

/**
 * Reads images with annotations: for data whose rows have more than a class. All images are kept in memory if their
 * files are compressed or on a server.
 * @param use gets the rows while their files are open
 * @returns undefined for a path that is neither a Parquet file nor a folder of such files
 * @throws VitrineError (file, config)
 */
export async function withImageRows<T>(
  place: ParquetPlace,
  options: ParquetOptions,
  use: (rows: ImageRows) => Promise<T>,
): Promise<T | undefined> {
  return (await import("./image-rows.ts")).withImageRows(place, options, use)
}

/** The [height, width] of each image, by its header. It is undefined for an image that is broken. */
export async function imageSizes(
  source: ParquetSource,
): Promise<(readonly [height: number, width: number] | undefined)[]> {
  return (await import("./image-rows.ts")).imageSizes(source)
}
