import { realpath } from "node:fs/promises"
import { toFloat32 } from "@vitrine/checkpoint"
import { type ModelWeights, readModelFolder } from "@vitrine/checkpoint/node"
import type { Backend, FileSlice } from "@vitrine/core"
import type { Image } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/node"
import { createModel, type Model } from "../model.ts"
import { type BackendOptions, createBackend, readsFiles } from "./backends.ts"

/** A path, the bytes of a file, or pixels. */
export type ImageInput = string | Uint8Array | Image

export interface LoadOptions extends BackendOptions {
  /** A name, or a backend that is yours to close; `auto` by default. */
  readonly backend?: string | Backend
}

/**
 * Loads a model from a run folder, a folder as timm publishes it (`config.json` and `model.safetensors`) or an .npz
 * file of google-research/vision_transformer.
 *
 *     const model = await load("runs/shapes")
 *     console.log(await model.predict("photo.jpg"))
 *
 * @throws VitrineError (file, config or backend): one line that names the file and the fault.
 */
export async function load(path: string, options: LoadOptions = {}): Promise<Model<ImageInput>> {
  const { backend: wanted = "auto", ...engine } = options
  const { config, preprocessing, labels, weights } = await readModelFolder(path)
  try {
    const own = typeof wanted === "string"
    const backend = own ? await createBackend(wanted, engine) : wanted
    const constants = await constantsOf(weights, backend)
    const close = async (): Promise<void> => (own ? backend.close() : undefined)
    return createModel({ config, preprocessing, labels, constants, backend, decode, close })
  } finally {
    await weights.close()
  }
}

async function decode(image: ImageInput): Promise<Image> {
  return typeof image === "string" || image instanceof Uint8Array ? decodeImage(image) : image
}

/** Weights in float32 stay in their file for a backend that maps it; others are read and converted. */
export async function constantsOf(
  weights: ModelWeights,
  backend: Backend,
): Promise<Record<string, FileSlice | Float32Array>> {
  // Engines refuse files outside of the model's folder, which links lead to, as in Hugging Face's cache.
  const path = await realpath(weights.path)
  const constants: Record<string, FileSlice | Float32Array> = {}
  for (const { name, dtype, begin, end } of weights.tensors)
    constants[name] =
      dtype === "F32" && begin !== undefined && end !== undefined && readsFiles(backend)
        ? { path, offset: begin, length: end - begin }
        : toFloat32(await weights.read(name))
  return constants
}
