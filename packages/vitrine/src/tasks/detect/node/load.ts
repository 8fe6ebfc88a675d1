import type { DetectorHints } from "@vitrine/checkpoint"
import { readDetectorFolder } from "@vitrine/checkpoint/node"
import { type Backend, VitrineError } from "@vitrine/core"
import type { Image } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/node"
import { createDetector, type Detector, type WholeDetector, wholeDetector } from "../detector.ts"
import { type BackendOptions, createBackend } from "../../../node/backends.ts"
import { locate } from "../../../node/hub.ts"
import type { ImageInput } from "../../classify/node/load.ts"

/** What is told of a detector beside its files: `heads` and `dilated` of weights without a `config.json`. */
export interface LoadDetectorOptions extends BackendOptions, DetectorHints {
  /** A name, or a backend that is yours to close; `auto` by default. */
  readonly backend?: string | Backend
}

/**
 * Loads a detector from a run folder, from one of Hugging Face's DETR, or the safetensors file of facebookresearch's; or from
 * the hub by name, `hf:owner/name`.
 *
 *     const detector = await loadDetector("runs/scenes-1")
 *     console.log(await detector.detect("photo.jpg"))
 *
 * @throws VitrineError (file, config or backend): one line that names the file and the fault.
 */
export async function loadDetector(path: string, options: LoadDetectorOptions = {}): Promise<Detector<ImageInput>> {
  const { backend: wanted = "auto", heads, dilated, ...engine } = options
  const model = await readDetector((await locate(path)).path, { heads, dilated })
  const own = typeof wanted === "string"
  const backend = own ? await createBackend(wanted, engine) : wanted
  return createDetector({ ...model, backend, decode, close: own ? backend.close : async () => {} })
}

async function decode(image: ImageInput): Promise<Image> {
  return typeof image === "string" || image instanceof Uint8Array ? decodeImage(image) : image
}

/**
 * Reads the folder of a detector, weights and all.
 * @throws VitrineError (file, config) for one that is missing or broken, of another kind of model, or that tells otherwise.
 */
export async function readDetector(path: string, hints: DetectorHints = {}): Promise<WholeDetector> {
  const folder = await readDetectorFolder(path, hints)
  try {
    const { backbone, heads } = folder.config
    const own = { heads, dilated: backbone.kind === "resnet" && backbone.config.dilated }
    for (const name of ["heads", "dilated"] as const)
      if (hints[name] !== undefined && hints[name] !== own[name])
        throw new VitrineError("config", `${path}: the model has ${name} ${own[name]}, not ${hints[name]}`)
    return await wholeDetector(folder, path)
  } finally {
    await folder.weights.close()
  }
}
