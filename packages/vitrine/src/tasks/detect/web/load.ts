import { openDetector } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { createDetector, type Detector, wholeDetector } from "../detector.ts"
import { type BackendChoice, openBackend } from "../../../web/backend.ts"
import { findFiles, type ModelSource } from "../../../web/files.ts"
import { decode, type ImageInput } from "../../classify/web/load.ts"

/**
 * Loads a detector in a page: a run folder of `vitrine train --task detect`, a folder of Hugging Face's DETR, or the
 * safetensors file of facebookresearch's, from an address, from the Hugging Face hub by name (`hf:owner/name`), or from files.
 *
 *     const detector = await loadDetector("/models/scenes/")
 *     console.log(await detector.detect(document.querySelector("img")))
 *
 * @throws VitrineError (file, config or backend): one line that names the file and the fault.
 */
export async function loadDetector(source: ModelSource, options: BackendChoice = {}): Promise<Detector<ImageInput>> {
  const found = await findFiles(source)
  if ("npz" in found)
    throw new VitrineError("file", `${(await found.npz()).name}: holds no detector: those are .safetensors`)
  const { folder, weightsFile } = found
  const model = await wholeDetector(await openDetector(folder, weightsFile), folder.nameOf("config.json"))
  const { backend, close } = await openBackend(options)
  return createDetector({ ...model, backend, decode, close })
}
