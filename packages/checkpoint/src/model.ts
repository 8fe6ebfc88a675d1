/** Opens models from folders on disk, from files in a page and from addresses. */
import type { ModelDescription, ModelHints } from "./description.ts"
import { configError, fileError, shown } from "./errors.ts"
import { conversion } from "./foreign.ts"
import type { Family } from "./families/family.ts"
import { families, familyOfArchitecture, recognisedFamily } from "./families/index.ts"
import { isObject, type Json } from "./json.ts"
import type { ModelFiles } from "./model-files.ts"
import { openShards, parseShardIndex, shardIndex } from "./shards.ts"
import type { ByteSource } from "@vitrine/archive"
import { checkTask } from "./task.ts"
import { fromTimmConfig, timmSources } from "./timm.ts"
import { timmArchitecture } from "./timm-names.ts"
import { openSafetensorsSource, type Weights, type WeightSources } from "./weights.ts"

/**
 * A model. Only the headers of its weights have been read. `parameterReader(weights, sources)` reads its parameters.
 */
export interface OpenModel extends ModelDescription {
  readonly weights: Weights
  /** The tensors of `weights` for each parameter. */
  readonly sources: WeightSources
  /** The content of `config.json`, or null if there is none. */
  readonly json: unknown
}

/**
 * Opens the model of a folder with `config.json` and `model.safetensors`, or with the files that
 * `model.safetensors.index.json` names. A `config.json` with a `model_type` is read as Hugging Face's, with
 * `preprocessor_config.json` if there is one. Without a `config.json`, weights with timm's names are read by
 * `readStateDict`. All tensors of the model must be in the weights with the right shapes.
 * @param hints facts that weights without a `config.json` leave open; other models ignore them
 * @throws VitrineError (file, config) for files that are missing or broken, models that are impossible or that Vitrine
 *   does not have, and weights of another model
 */
export async function openModel(
  files: ModelFiles,
  weightsFile = "model.safetensors",
  hints: ModelHints = {},
): Promise<OpenModel> {
  const configFile = files.nameOf("config.json")
  const json = await files.json("config.json")
  if (json === undefined) return openStateDict(files, weightsFile, hints)
  checkTask(json, "classify", configFile)
  checkArchitecture(hints, json, configFile)
  if (isHuggingFace(json)) {
    const { fromHuggingFace, headOutputs, huggingFaceSources } = await import("./huggingface.ts")
    const preprocessor = (await files.json("preprocessor_config.json")) ?? null
    const said = await fromHuggingFace(json, preprocessor, configFile, { hints })
    const { weights, name } = await openWeights(files, weightsFile)
    const outputs = headOutputs(weights)
    const differs = outputs !== undefined && said.config.classes > 0 && outputs !== said.config.classes
    const description = differs ? await fromHuggingFace(json, preprocessor, configFile, { outputs, hints }) : said
    const sources = await huggingFaceSources(weights, description.config, String(json.model_type), name)
    return { ...description, weights, sources, json }
  }
  const description = await fromTimmConfig(json, configFile, hints)
  const { weights, name } = await openWeights(files, weightsFile)
  return { ...description, weights, sources: await timmSources(weights, description.config, name), json }
}

/** Whether a `config.json` describes a model of transformers. Otherwise it is one of timm. */
export function isHuggingFace(json: unknown): json is Json {
  return isObject(json) && typeof json.architecture !== "string" && json.model_type !== undefined
}

/** @throws VitrineError (config) for a hint that contradicts the file's architecture */
function checkArchitecture({ architecture }: ModelHints, json: unknown, file: string): void {
  if (architecture === undefined) return
  const named = isObject(json) && typeof json.architecture === "string" ? json.architecture : undefined
  if (named === undefined || timmArchitecture(named) !== timmArchitecture(architecture))
    throw configError(file, `architecture is ${shown(named)}, not ${shown(architecture)} (--arch)`)
}

async function openStateDict(files: ModelFiles, weightsFile: string, hints: ModelHints): Promise<OpenModel> {
  const source = await files.open(weightsFile)
  if (source === undefined) {
    await refusePickle(files)
    throw fileError(files.name, "has no config.json: it is no model folder")
  }
  const weights = await openSafetensorsSource(source)
  const name = files.nameOf(weightsFile)
  const published = weights.tensors.find((tensor) => transformersNames.test(tensor.name))
  if (published !== undefined)
    throw fileError(
      name,
      `has tensors under transformers' names, such as ${shown(published.name)}: put the model's config.json beside it`,
    )
  const { formats, label } = familyOfWeights(weights)
  const format = await formats.timmWeights?.()
  if (format === undefined) throw fileError(name, `holds a ${label}, which needs its config.json`)
  const { architecture } = hints
  if (architecture !== undefined) {
    const named = familyOfArchitecture(timmArchitecture(architecture))
    if (named === undefined || !(await named.formats.timm()).has(timmArchitecture(architecture)))
      throw configError(name, `${shown(architecture)} (--arch) is none of timm's models that Vitrine reads`)
    if (named.label !== label)
      throw configError(name, `holds a ${label}, and ${architecture} (--arch) is a ${named.label}`)
  }
  return { ...format.read(weights, name, hints), weights, json: null }
}

/** Opens the weights of a folder, which are in one file or in shards. */
export async function openWeights(files: ModelFiles, file: string): Promise<{ weights: Weights; name: string }> {
  const source = file === shardIndex ? undefined : await files.open(file)
  if (source !== undefined) return { weights: await openSafetensorsSource(source), name: files.nameOf(file) }
  const index = await files.json(shardIndex)
  if (index === undefined) {
    await refusePickle(files)
    await refuseOnnx(files)
    throw fileError(
      files.name,
      `has no ${file}: training has saved no checkpoint yet, or the weights are in another format`,
    )
  }
  const shards = parseShardIndex(index, files.nameOf(shardIndex))
  const weights = await openShards(shards, async (shard) => {
    const source = await files.open(shard)
    if (source === undefined) throw fileError(files.name, `has no ${shard}, which ${shardIndex} names`)
    return { weights: await openSafetensorsSource(source), name: files.nameOf(shard) }
  })
  return { weights, name: files.nameOf(shardIndex) }
}

/** The names of pickled weights in PyTorch. */
const pickles = [
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
  "model.bin",
  "model.pth",
  "model.pt",
  "model.ckpt",
]

/** @throws VitrineError (file) for a folder whose weights are a pickle */
async function refusePickle(files: ModelFiles): Promise<void> {
  for (const name of pickles)
    if ((await files.open(name)) !== undefined)
      throw fileError(
        files.name,
        name.endsWith(".index.json")
          ? `has its weights as pickles of PyTorch's (${name}), which can run code and are never read: save the model once more with transformers, which writes safetensors`
          : `has its weights as a pickle of PyTorch's, ${name}, which can run code and is never read; ${conversion(name)}`,
      )
}

/** Why a file or a folder of ONNX is no model here. */
export const onnxExport =
  "is an export to ONNX, which is not read back: name the run, or the model that it was exported from"

/** The names of exported graphs in a folder. */
const graphs = [
  "onnx/model.onnx",
  "onnx/model_fp16.onnx",
  "onnx/model_quantized.onnx",
  "onnx/encoder_model.onnx",
  "model.onnx",
]

/** @throws VitrineError (file) for a folder that holds graphs of ONNX and no weights */
async function refuseOnnx(files: ModelFiles): Promise<void> {
  for (const name of graphs) if ((await files.open(name)) !== undefined) throw fileError(files.name, onnxExport)
}

/** The names of the patch embedding or of the first convolution in transformers. */
const transformersNames =
  /(^|\.)(embeddings\.patch_embeddings\.projection|embeddings\.patch_embedding|embedder\.convolution)\.weight$/

/**
 * The family that follows from a tensor's name. By default it is the first of the table, whose reader then says what is
 * missing.
 */
function familyOfWeights({ tensors }: Pick<Weights, "tensors">): Family {
  return recognisedFamily(({ tensor }) => tensors.some(({ name }) => tensor.test(name))) ?? families.vit
}

/**
 * Opens a Vision Transformer or a BiT of Google from the bytes of an .npz file.
 * @throws VitrineError (file, config)
 */
export async function openGoogleModel(source: ByteSource, hints: ModelHints = {}): Promise<OpenModel> {
  const { openNpzArchive } = await import("@vitrine/archive/npz")
  const weights = await openNpzArchive(source)
  const { formats, label } = familyOfWeights(weights)
  if (hints.architecture !== undefined)
    throw configError(source.name, "has Google's names, which tell the model: --arch is for weights under timm's")
  const format = await formats.googleWeights?.()
  if (format === undefined) throw fileError(source.name, `holds a ${label}, which is not read from .npz files`)
  return { ...format.read(weights, source.name, hints), weights, json: null }
}
