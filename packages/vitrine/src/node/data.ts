import { resolve } from "node:path"
import {
  isAddress,
  plainAddress,
  type ResolvedData,
  type ResolveOptions,
  resolveData,
  resolveRemoteParquet,
} from "@vitrine/data/node"
import type { ParquetPlace } from "@vitrine/data/internal/node"
import { isDatasetName } from "@vitrine/hub"
import { hubDataset } from "@vitrine/hub/node"

/** Data, and a name by which a run finds them again from any folder. */
export interface LocatedData {
  readonly resolved: ResolvedData
  /** The name for messages: as it was given, without the secrets of an address. */
  readonly shown: string
  /** An absolute path, a built-in name, an address without secrets, or `hf:datasets/owner/name@commit`. */
  readonly origin: string
}

/** A place with annotated data, and the name by which a run finds them again. */
export interface LocatedPlace {
  readonly place: ParquetPlace
  readonly origin: string
}

/**
 * Finds the files of a data set of the Hugging Face hub. Other names are places themselves.
 * @param builtIn a name that is no path
 */
export async function locatePlace(name: string, builtIn?: string): Promise<LocatedPlace> {
  if (isDatasetName(name)) {
    const { name: title, files: parts } = await hubDataset(name)
    return { place: { title, parts }, origin: title }
  }
  return { place: name, origin: isAddress(name) ? plainAddress(name) : name === builtIn ? name : resolve(name) }
}

/**
 * Finds the splits of data: a path, a built-in name, an address of Parquet, or a data set of the Hugging Face hub.
 * @throws VitrineError (file, config)
 */
export async function locateData(name: string, options: ResolveOptions): Promise<LocatedData> {
  if (isDatasetName(name)) {
    const dataset = await hubDataset(name)
    const title = dataset.name
    const resolved = await resolveRemoteParquet(dataset.files, title, options)
    const notes = [`commit ${dataset.commit} of the hub`, ...resolved.notes]
    return { shown: name, origin: title, resolved: { ...resolved, notes } }
  }
  const resolved = await resolveData(name, options)
  if (isAddress(name)) return { resolved, shown: plainAddress(name), origin: plainAddress(name) }
  return { resolved, shown: name, origin: name === "shapes" ? name : resolve(name) }
}
