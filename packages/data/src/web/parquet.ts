import type { ByteSource } from "@vitrine/archive"
import type { ParquetPictures } from "../parquet/pictures.ts"

/**
 * Reads the images of Parquet files into memory, with their labels and splits. The reader of Parquet is loaded when it
 * is first needed.
 * @param files the files by their paths, which may say their splits
 * @param title the name of the data in errors
 * @throws VitrineError (file, config) for files without images or labels, and for more than 1 GiB of images
 */
export async function readParquet(
  files: readonly (readonly [path: string, file: Blob])[],
  title: string,
): Promise<ParquetPictures> {
  const { parquetPictures } = await import("../parquet/pictures.ts")
  const sources = files.map(
    ([name, file]): ByteSource => ({
      name,
      size: file.size,
      read: async (begin, end) => new Uint8Array(await file.slice(begin, end).arrayBuffer()),
    }),
  )
  return parquetPictures(sources, title)
}
