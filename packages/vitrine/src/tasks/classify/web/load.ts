import {
  openGoogleModel,
  openModel,
  hintsOf,
  splitOverrides,
  type Overrides,
  applyOverrides,
  parameterReader,
  resizeWeights,
} from "@vitrine/checkpoint"
import type { Image } from "@vitrine/data"
import { decodeImage, decodeLimits, type ImageSource } from "@vitrine/data/web"
import { type BackendChoice, openBackend } from "../../../web/backend.ts"
import type { WholeModel } from "../export.ts"
import { createModel, type Model } from "../model.ts"
import { fetchBytes, findFiles, type ModelSource } from "../../../web/files.ts"

/** A file or its bytes, an element, a bitmap, pixels, or an address. */
export type ImageInput = ImageSource | Image | string | URL

export interface LoadOptions extends BackendChoice, Overrides {}

/**
 * Loads a model in a page: a folder with `config.json` and `model.safetensors`, as Vitrine and timm write it, or
 * Hugging Face's with `preprocessor_config.json`, or weights alone: an .npz file of Google's vision_transformer,
 * big_vision or big_transfer, or a .safetensors file in timm's names (which may need `heads` to be told), from an
 * address (of this site, or one that allows it by CORS), from the Hugging Face hub by name (`hf:owner/name`), or from
 * files.
 *
 *     const model = await load("/models/shapes/")
 *     console.log(await model.predict(document.querySelector("img")))
 *
 * With `imageSize` it takes images of another size; that, and how they are prepared, is otherwise as the folder says.
 * @throws VitrineError (file, config or backend): one line that names the file and the fault. Files of more than 2 GiB
 *   are not downloaded.
 */
export async function load(source: ModelSource, options: LoadOptions = {}): Promise<Model<ImageInput>> {
  const [overrides, choice] = splitOverrides(options)
  const model = await readModel(source, overrides)
  const { config, preprocessing, labels, notes, weights: constants } = model
  const { backend, close } = await openBackend(choice)
  return createModel({ config, preprocessing, labels, notes, constants, backend, decode, close })
}

/** A model with its weights in memory, with other settings in place of its own. */
export async function readModel(source: ModelSource, overrides: Overrides): Promise<WholeModel> {
  const found = await findFiles(source)
  const [model, name] =
    "folder" in found
      ? [await openModel(found.folder, found.weightsFile, hintsOf(overrides)), found.folder.nameOf("config.json")]
      : await found.npz().then(async (file) => [await openGoogleModel(file, hintsOf(overrides)), file.name] as const)
  const description = applyOverrides(model, overrides, name)
  const read = parameterReader(model.weights, model.sources)
  const weights: Record<string, Float32Array> = {}
  for (const parameter of model.sources.keys()) weights[parameter] = await read(parameter)
  const own = (parameter: string): Float32Array => weights[parameter] as Float32Array
  Object.assign(weights, await resizeWeights(model.config, description.config, own, model.positionMethod))
  return { ...description, weights }
}

/** @throws VitrineError (file) for what cannot be fetched or is no image. */
export async function decode(image: ImageInput): Promise<Image> {
  if (typeof image === "string" || image instanceof URL)
    return decodeImage(await fetchBytes(image, decodeLimits.fileBytes), String(image).slice(0, 200))
  return isPixels(image) ? image : decodeImage(image)
}

const isPixels = (image: ImageSource | Image): image is Image => "channels" in image
