import { showValue, VitrineError } from "@vitrine/core"
import type { Dataset, DatasetSource } from "../dataset.ts"
import { pixels } from "../pixels.ts"
import { shapes } from "../shapes.ts"
import { pick } from "../subset.ts"
import { openPacked } from "./archive.ts"
import { openFiles } from "./files.ts"
import { openIdx } from "./idx.ts"
import { openNpz } from "./npz.ts"
import { openParquet } from "./parquet/on-demand.ts"
import { openShards } from "./shards/open.ts"

/**
 * Opens a data set from a source, such as one from `resolveData`.
 * @throws VitrineError (file, config) for unreadable files, and for a source of an unknown kind
 */
export async function openDataset(source: DatasetSource): Promise<Dataset> {
  switch (source.kind) {
    case "shapes":
      return shapes(source)
    case "pixels":
      return pixels(source)
    case "idx":
      return openIdx(source)
    case "npz":
      return openNpz(source)
    case "files":
      return openFiles(source)
    case "packed":
      return openPacked(source)
    case "parquet":
      return openParquet(source)
    case "shards":
      return openShards(source)
    case "subset":
      return pick(await openDataset(source.of), source.examples, source.classes)
    default:
      throw new VitrineError("config", `there is no data source like ${showValue(source)}`)
  }
}
