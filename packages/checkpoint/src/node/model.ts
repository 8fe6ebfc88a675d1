import { stat } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import type { StoredTensor } from "../dtype.ts"
import { fileError } from "../errors.ts"
import { googleModel } from "../google.ts"
import { fromHuggingFace, isHuggingFace } from "../huggingface.ts"
import { findHuggingFace, findTimm, type WeightSources } from "../names.ts"
import type { TensorInfo } from "../safetensors.ts"
import { fromTimmConfig, type ModelDescription } from "../timm.ts"
import { explaining, readJson } from "./files.ts"
import { openNpz, openSafetensors, weightsFormat } from "./open.ts"

/** The open weights of a model. */
export interface ModelWeights {
  /** Absolute. */
  readonly path: string
  readonly tensors: readonly (Pick<TensorInfo, "name" | "dtype" | "shape"> & {
    /** First byte in the file and the byte after the last, for a tensor that lies there as the model needs it. */
    readonly begin?: number
    readonly end?: number
  })[]
  /** Reads one tensor into memory of its own. */
  read(name: string): Promise<StoredTensor>
  /** Reads all tensors, each into memory of its own. */
  readAll(): Promise<Map<string, StoredTensor>>
  close(): Promise<void>
}

/** A model: a run folder of Vitrine's, a folder that timm or Hugging Face publishes, or an .npz file of Google's. */
export interface ModelFolder extends ModelDescription {
  readonly path: string
  /** Open: close it when the weights have been read. All tensors of the model are in it, with the right shapes. */
  readonly weights: ModelWeights
  /** Of which tensors of `weights` each parameter is made. */
  readonly sources: WeightSources
  /** `config.json` as it stands; null where there is none. */
  readonly json: unknown
}

/**
 * Opens the model of a folder with `config.json` and `model.safetensors`, or of one of these two files' folder.
 * A `config.json` with a `model_type` is read as Hugging Face's, with `preprocessor_config.json` if there is one. Any
 * other file must be a Vision Transformer of Google's in .npz.
 * @throws VitrineError (file, config) for files that are missing or broken, models that cannot exist or that Vitrine
 *   does not have, and weights of another model.
 */
export async function readModelFolder(path: string): Promise<ModelFolder> {
  const isFolder = await explaining(path, "read", async () => (await stat(path)).isDirectory())
  if (!isFolder && basename(path) !== "config.json" && !path.endsWith(".safetensors")) return readNpzModel(path)
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

/** @throws VitrineError (file, config) */
async function readNpzModel(path: string): Promise<ModelFolder> {
  if ((await weightsFormat(path)) !== "npz")
    throw fileError(path, "is neither a model folder nor the config.json or model.safetensors of one, nor an .npz file")
  const file = await openNpz(path)
  try {
    const { config, preprocessing, labels, tensors, read } = googleModel(file, path)
    const readAll = async (): Promise<Map<string, StoredTensor>> => {
      const all = new Map<string, StoredTensor>()
      for (const { name } of tensors) all.set(name, await read(name))
      return all
    }
    const weights = { path: file.path, tensors, read, readAll, close: file.close }
    const sources = findTimm({ tensors }, config, path)
    return { path: file.path, config, preprocessing, labels, weights, sources, json: null }
  } catch (error) {
    await file.close()
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
