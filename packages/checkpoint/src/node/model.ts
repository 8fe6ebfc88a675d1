import { stat } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { vitParameters } from "@vitrine/core"
import { fileError } from "../errors.ts"
import { checkTensors } from "../tensors.ts"
import { fromTimmConfig, type ModelDescription } from "../timm.ts"
import { explaining, readJson } from "./files.ts"
import { openSafetensors, type SafetensorsFile } from "./open.ts"

/** A model as it lies in a folder: a run of Vitrine's, or what timm publishes. */
export interface ModelFolder extends ModelDescription {
  readonly path: string
  /** Open: close it when the weights have been read. All tensors of the model are in it, by name and shape. */
  readonly weights: SafetensorsFile
  /** `config.json` as it stands. */
  readonly json: unknown
}

/**
 * Opens the model of a folder with `config.json` and `model.safetensors`, or of one of these two files' folder.
 * @throws VitrineError (file, config) for files that are missing or broken, models that cannot exist or that Vitrine
 *   does not have, and weights of another model.
 */
export async function readModelFolder(path: string): Promise<ModelFolder> {
  const isFolder = await explaining(path, "read", async () => (await stat(path)).isDirectory())
  if (!isFolder && basename(path) !== "config.json" && !path.endsWith(".safetensors"))
    throw fileError(path, "is neither a model folder nor the config.json or model.safetensors of one")
  const folder = isFolder ? path : dirname(path)
  const configFile = join(folder, "config.json")
  const weightsFile = path.endsWith(".safetensors") && !isFolder ? path : join(folder, "model.safetensors")
  await requireFile(configFile, folder, "it is no model folder")
  const json = await readJson(configFile)
  const description = fromTimmConfig(json, configFile)
  await requireFile(weightsFile, folder, "training has saved no checkpoint yet, or the weights are in another format")
  const weights = await openSafetensors(weightsFile)
  try {
    checkTensors(weights, vitParameters(description.config), weightsFile)
  } catch (error) {
    await weights.close()
    throw error
  }
  return { path: resolve(folder), ...description, weights, json }
}

async function requireFile(file: string, folder: string, otherwise: string): Promise<void> {
  const found = await explaining(file, "read", () =>
    stat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error
    }),
  )
  if (!found) throw fileError(folder, `has no ${basename(file)}: ${otherwise}`)
}
