import {
  checkTensors,
  fromTimmConfig,
  type Overrides,
  override,
  parseHeader,
  parseJson,
  readSafetensors,
  resizeWeights,
  toFloat32,
} from "@vitrine/checkpoint"
import { vitParameters } from "@vitrine/core"
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
 * Loads a model in a page: a folder with `config.json` and `model.safetensors`, as Vitrine and timm write it, from an
 * address (of this site, or one that allows it by CORS) or from files.
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
  const json = parseJson(await folder.read("config.json", mostConfig), configName)
  const description = fromTimmConfig(json, configName)
  const { config, preprocessing, labels } = override(description, overrides, configName)
  const name = folder.nameOf("model.safetensors")
  const bytes = await folder.read("model.safetensors", mostWeights)
  checkTensors(parseHeader(bytes, { fileSize: bytes.length, name }), vitParameters(description.config), name)
  const constants: Record<string, Float32Array> = {}
  for (const [tensor, stored] of readSafetensors(bytes, name).tensors) constants[tensor] = toFloat32(stored)
  Object.assign(
    constants,
    await resizeWeights(description.config, config, (tensor) => constants[tensor] as Float32Array),
  )
  const { backend, close } = await openBackend(choice)
  return createModel({ config, preprocessing, labels, constants, backend, decode, close })
}

async function decode(image: ImageInput): Promise<Image> {
  if (typeof image === "string" || image instanceof URL)
    return decodeImage(await fetchBytes(image, decodeLimits.fileBytes), String(image).slice(0, 200))
  return isPixels(image) ? image : decodeImage(image)
}

const isPixels = (image: ImageSource | Image): image is Image => "channels" in image
