import { type DetectorHints, openDetector } from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { type BackendChoice, openBackend } from "../../../web/backend.ts"
import { locateModel, type ModelLocation, type ModelSource } from "../../../web/files.ts"
import { decode, type ImageInput } from "../../../web/image.ts"
import { createDetector, type Detector, type WholeDetector, wholeDetector } from "../detector.ts"

/**
 * Loads a detector in a page: a run folder of `vitrine train --task detect`, a folder of Hugging Face's DETR, or a
 * safetensors file of facebookresearch's DETR. The source is an address, a name on the Hugging Face hub
 * (`hf:owner/name`), or files.
 *
 *     const detector = await loadDetector("/models/scenes/")
 *     console.log(await detector.detect(document.querySelector("img")))
 *
 * @throws VitrineError (file, config or backend): one line that names the file and the fault
 */
export async function loadDetector(source: ModelSource, options: BackendChoice = {}): Promise<Detector<ImageInput>> {
  const model = await readDetector(await locateModel(source))
  const { backend, close } = await openBackend(options)
  return createDetector({ ...model, backend, decode, close })
}

/** Reads a detector with its weights into memory. */
export async function readDetector(location: ModelLocation, hints: DetectorHints = {}): Promise<WholeDetector> {
  if (location.kind === "npz")
    throw new VitrineError("file", `${location.name}: holds no detector: those are .safetensors`)
  const { folder, weightsFile } = location
  return wholeDetector(await openDetector(folder, weightsFile, hints), folder.nameOf("config.json"), hints)
}
