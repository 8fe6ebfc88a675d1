import { stat } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { fileError } from "../errors.ts"
import { fromHuggingFace, isHuggingFace } from "../huggingface.ts"
import { findHuggingFace, findTimm, type WeightSources } from "../names.ts"
import { fromTimmConfig, type ModelDescription } from "../timm.ts"
import { explaining, readJson } from "./files.ts"
import { openSafetensors, type SafetensorsFile } from "./open.ts"

/** A model as it lies in a folder: a run of Vitrine's, or what timm or Hugging Face publishes. */
export interface ModelFolder extends ModelDescription {
  readonly path: string
  /** Open: close it when the weights have been read. All tensors of the model are in it, with the right shapes. */
  readonly weights: SafetensorsFile
  /** Of which tensors of `weights` each parameter is made. */
  readonly sources: WeightSources
  /** `config.json` as it stands. */
  readonly json: unknown
}

/**
 * Opens the model of a folder with `config.json` and `model.safetensors`, or of one of these two files' folder.
 * A `config.json` with a `model_type` is read as Hugging Face's, with `preprocessor_config.json` if there is one.
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
  const foreign = isHuggingFace(json)
  const description = foreign
    ? fromHuggingFace(json, await readPreprocessor(folder), configFile)
    : fromTimmConfig(json, configFile)
  await requireFile(weightsFile, folder, "training has saved no checkpoint yet, or the weights are in another format")
  const weights = await openSafetensors(weightsFile)
  try {
    const sources = (foreign ? findHuggingFace : findTimm)(weights, description.config, weightsFile)
    return { path: resolve(folder), ...description, weights, sources, json }
  } catch (error) {
    await weights.close()
    throw error
  }
}

async function readPreprocessor(folder: string): Promise<unknown> {
  const file = join(folder, "preprocessor_config.json")
  return (await exists(file)) ? readJson(file) : null
}

/** A link that leads nowhere is not there. */
async function exists(file: string): Promise<boolean> {
  const found = await explaining(file, "read", () =>
    stat(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error
    }),
  )
  return found !== undefined
}

async function requireFile(file: string, folder: string, otherwise: string): Promise<void> {
  if (!(await exists(file))) throw fileError(folder, `has no ${basename(file)}: ${otherwise}`)
}
