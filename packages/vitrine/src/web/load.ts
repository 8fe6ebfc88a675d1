import {
  findHuggingFace,
  findTimm,
  fromHuggingFace,
  fromTimmConfig,
  isHuggingFace,
  joinFloat32,
  type Overrides,
  override,
  parseHeader,
  parseJson,
  readSafetensors,
  resizeWeights,
  type StoredTensor,
} from "@vitrine/checkpoint"
import type { Image } from "@vitrine/data"
import { decodeImage, decodeLimits, type ImageSource } from "@vitrine/data/web"
import { createModel, type Model } from "../model.ts"
import { type BackendChoice, openBackend } from "./backend.ts"
import { fetchBytes, type ModelSource, openFolder } from "./files.ts"

/** A file or its bytes, an element, a bitmap, pixels, or an address. */
export type ImageInput = ImageSource | Image | string | URL

export interface LoadOptions extends BackendChoice, Overrides {}

/** What a page can hold in one piece of memory. */
const mostWeights = 2 ** 31
const mostConfig = 2 ** 24

/**
 * Loads a model in a page: a folder with `config.json` and `model.safetensors`, as Vitrine and timm write it, or
 * Hugging Face's with `preprocessor_config.json`, from an address (of this site, or one that allows it by CORS), from
 * the Hugging Face hub by name (`hf:owner/name`), or from files.
 *
 *     const model = await load("/models/shapes/")
 *     console.log(await model.predict(document.querySelector("img")))
 *
 * With `imageSize` it takes images of another size; that, and how they are prepared, is otherwise as the folder says.
 * @throws VitrineError (file, config or backend): one line that names the file and the fault. Weights of more than
 *   2 GiB are refused.
 */
export async function load(source: ModelSource, options: LoadOptions = {}): Promise<Model<ImageInput>> {
  const { imageSize, interpolation, cropPct, cropMode, mean, std, ...choice } = options
  const overrides = { imageSize, interpolation, cropPct, cropMode, mean, std }
  const folder = openFolder(source)
  const configName = folder.nameOf("config.json")
  const readJson = async (file: string): Promise<unknown> =>
    parseJson(await folder.read(file, mostConfig), folder.nameOf(file))
  const json = await readJson("config.json")
  const foreign = isHuggingFace(json)
  const description = foreign
    ? fromHuggingFace(json, await readJson("preprocessor_config.json"), configName)
    : fromTimmConfig(json, configName)
  const { config, preprocessing, labels } = override(description, overrides, configName)
  const name = folder.nameOf("model.safetensors")
  const bytes = await folder.read("model.safetensors", mostWeights)
  const sources = (foreign ? findHuggingFace : findTimm)(
    parseHeader(bytes, { fileSize: bytes.length, name }),
    description.config,
    name,
  )
  const { tensors } = readSafetensors(bytes, name)
  const constants: Record<string, Float32Array> = {}
  for (const [parameter, from] of sources)
    constants[parameter] = joinFloat32(from.map((tensor) => tensors.get(tensor) as StoredTensor))
  const read = (parameter: string): Float32Array => constants[parameter] as Float32Array
  const method = foreign ? "huggingface" : "timm"
  Object.assign(constants, await resizeWeights(description.config, config, read, method))
  const { backend, close } = await openBackend(choice)
  return createModel({ config, preprocessing, labels, constants, backend, decode, close })
}

async function decode(image: ImageInput): Promise<Image> {
  if (typeof image === "string" || image instanceof URL)
    return decodeImage(await fetchBytes(image, decodeLimits.fileBytes), String(image).slice(0, 200))
  return isPixels(image) ? image : decodeImage(image)
}

const isPixels = (image: ImageSource | Image): image is Image => "channels" in image
