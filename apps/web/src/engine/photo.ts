import { fromTimmConfig, parseJson } from "@vitrine/checkpoint"
import { applyTransforms, type TransformedImage } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/web"
import { evaluationTransforms } from "vitrine/web"

/** Decodes the reader's picture and transforms it to the input of a model. `configFile` is the model's `config.json`. */
export async function readPhoto(file: Blob, configFile: Uint8Array): Promise<TransformedImage> {
  const { config, preprocessing } = await fromTimmConfig(parseJson(configFile, "config.json"), "config.json")
  return applyTransforms(await decodeImage(file), evaluationTransforms(preprocessing, config))
}
