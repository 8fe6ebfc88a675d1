import { VitrineError } from "@vitrine/core"
import { type Dataset, type DatasetSource, openInMemory } from "../dataset.ts"
import { pick } from "../subset.ts"
import { openPacked } from "./archive.ts"
import { openFiles } from "./files.ts"
import { openIdx } from "./idx.ts"

/** Opens a data set from a source, such as `resolveData` finds. */
export async function openDataset(source: DatasetSource): Promise<Dataset> {
  const inMemory = openInMemory(source)
  if (inMemory !== undefined) return inMemory
  if (source.kind === "idx") return openIdx(source)
  if (source.kind === "files") return openFiles(source)
  if (source.kind === "packed") return openPacked(source)
  if (source.kind === "subset") return pick(await openDataset(source.of), source.examples, source.classes)
  throw new VitrineError(
    "config",
    `there is no data source of kind ${JSON.stringify((source as { kind: unknown }).kind)}`,
  )
}
