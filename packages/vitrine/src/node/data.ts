import { existsSync } from "node:fs"
import { isAbsolute, resolve } from "node:path"
import { VitrineError } from "@vitrine/core"
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
  return { place: name, origin: originOf(name, builtIn) }
}

/** The name by which a run finds data again. */
const originOf = (name: string, builtIn?: string): string =>
  isAddress(name) ? plainAddress(name) : name === builtIn ? name : resolve(name)

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
  return { resolved, shown: isAddress(name) ? plainAddress(name) : name, origin: originOf(name, "shapes") }
}

/**
 * Checks that the data of a run lie where they lay when it was trained.
 * @param data the name in the run's record
 * @throws VitrineError (file)
 */
export function checkRunData(run: string, data: string): void {
  if (isAway(data))
    throw new VitrineError(
      "file",
      `${data}: no such file or folder, and ${run} was trained on it: say where the data lie now (data, --data FOLDER)`,
    )
}

/** Whether data are those that a run's record names. Without a name they are. */
export const isSameData = (recorded: string, data: string | undefined): boolean =>
  data === undefined || data === recorded || resolve(data) === recorded

/** Whether the data of a run lie no more where they lay. Names with braces are patterns of files. */
export const isAway = (data: string): boolean => isAbsolute(data) && !data.includes("{") && !existsSync(data)
