import type { DetectorHints } from "@vitrine/checkpoint"
import { readDetectorFolder } from "@vitrine/checkpoint/node"
import { type BackendChoice, openBackend } from "../../../node/backends.ts"
import { locate } from "../../../node/hub.ts"
import { decode, type ImageInput } from "../../../node/image.ts"
import { createDetector, type Detector, type WholeDetector, wholeDetector } from "../detector.ts"

/** `heads` and `dilated` are for weights without a `config.json`, which do not determine them. */
export interface LoadDetectorOptions extends BackendChoice, DetectorHints {}

/**
 * Loads a detector from a run folder, a folder of Hugging Face's DETR, a safetensors file of facebookresearch's DETR,
 * or the hub by its name, `hf:owner/name`.
 *
 *     const detector = await loadDetector("runs/scenes-1")
 *     console.log(await detector.detect("photo.jpg"))
 *
 * @throws VitrineError (file, config or backend): one line that names the file and the fault
 */
export async function loadDetector(path: string, options: LoadDetectorOptions = {}): Promise<Detector<ImageInput>> {
  const { heads, dilated, ...choice } = options
  const model = await readDetector((await locate(path)).path, { heads, dilated })
  const { backend, close } = await openBackend(choice)
  return createDetector({ ...model, backend, decode, close })
}

/**
 * Reads the folder of a detector with its weights.
 * @throws VitrineError (file, config) for a folder that is missing or broken, contains another kind of model, or
 *   contradicts a hint
 */
export async function readDetector(path: string, hints: DetectorHints = {}): Promise<WholeDetector> {
  const folder = await readDetectorFolder(path, hints)
  return wholeDetector(folder, path, hints).finally(folder.weights.close)
}
