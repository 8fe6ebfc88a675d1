import {
  hintsOf,
  type ModelHints,
  openGoogleModel,
  openModel,
  type OpenModel,
  type Overrides,
  splitOverrides,
} from "@vitrine/checkpoint"
import { type BackendChoice, openBackend } from "../../../web/backend.ts"
import { locateModel, type ModelLocation, type ModelSource } from "../../../web/files.ts"
import { decode, type ImageInput } from "../../../web/image.ts"
import { createModel, type Model } from "../model.ts"
import { type WholeModel, wholeModel } from "../whole-model.ts"

/** Options of loading a classifier in a page. They override what its files say. */
export interface LoadOptions extends BackendChoice, Overrides {}

/**
 * Loads a classifier in a page. The source is an address (of this site, or of one that allows it by CORS), a name on
 * the Hugging Face hub (`hf:owner/name`), or files. It contains one of:
 * - a folder of Vitrine or timm with `config.json` and `model.safetensors`, or a folder of Hugging Face that also has
 *   `preprocessor_config.json`;
 * - weights alone: an .npz file of Google's vision_transformer, big_vision or big_transfer, or a .safetensors file with
 *   timm's names, which may need `heads`.
 *
 *     const model = await load("/models/shapes/")
 *     console.log(await model.predict(document.querySelector("img")))
 *
 * With `imageSize` the model accepts images of another size. Other overrides change the preparation of images.
 * @throws VitrineError (file, config or backend): one line that names the file and the fault. Files of more than 2 GiB
 *   are not downloaded
 */
export async function load(source: ModelSource, options: LoadOptions = {}): Promise<Model<ImageInput>> {
  const [overrides, choice] = splitOverrides(options)
  const model = await readModel(await locateModel(source), overrides)
  const { config, preprocessing, labels, problemType, notes, weights: constants } = model
  const { backend, close } = await openBackend(choice)
  return createModel({ config, preprocessing, labels, problemType, notes, constants, backend, decode, close })
}

/** Reads a classifier with its weights into memory, and applies overrides. */
export async function readModel(location: ModelLocation, overrides: Overrides): Promise<WholeModel> {
  const name = location.kind === "npz" ? location.name : location.folder.nameOf("config.json")
  return wholeModel(await openModelAt(location, hintsOf(overrides)), overrides, name)
}

/** Reads the headers of a classifier. */
export async function openModelAt(location: ModelLocation, hints: ModelHints): Promise<OpenModel> {
  return location.kind === "npz"
    ? openGoogleModel(await location.npz(), hints)
    : openModel(location.folder, location.weightsFile, hints)
}
