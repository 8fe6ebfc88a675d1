import { realpath } from "node:fs/promises"
import { type Overrides, override, resizeWeights, toFloat32 } from "@vitrine/checkpoint"
import { type ModelFolder, readModelFolder } from "@vitrine/checkpoint/node"
import type { Backend, FileSlice, ViTConfig } from "@vitrine/core"
import type { Image } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/node"
import { createModel, type Model } from "../model.ts"
import { type BackendOptions, createBackend, readsFiles } from "./backends.ts"

/** A path, the bytes of a file, or pixels. */
export type ImageInput = string | Uint8Array | Image

export interface LoadOptions extends BackendOptions, Overrides {
  /** A name, or a backend that is yours to close; `auto` by default. */
  readonly backend?: string | Backend
}

/**
 * Loads a model from a run folder or a folder as timm publishes it (`config.json` and `model.safetensors`).
 *
 *     const model = await load("runs/shapes")
 *     console.log(await model.predict("photo.jpg"))
 *
 * With `imageSize` it takes images of another size; that, and how they are prepared, is otherwise as the folder says.
 * @throws VitrineError (file, config or backend): one line that names the file and the fault.
 */
export async function load(path: string, options: LoadOptions = {}): Promise<Model<ImageInput>> {
  const { backend: wanted = "auto", imageSize, interpolation, cropPct, cropMode, mean, std, ...engine } = options
  const overrides = { imageSize, interpolation, cropPct, cropMode, mean, std }
  const folder = await readModelFolder(path)
  try {
    const { config, preprocessing, labels } = override(folder, overrides, path)
    const own = typeof wanted === "string"
    const backend = own ? await createBackend(wanted, engine) : wanted
    const constants = await constantsOf(folder, backend, config)
    const close = async (): Promise<void> => (own ? backend.close() : undefined)
    return createModel({ config, preprocessing, labels, constants, backend, decode, close })
  } finally {
    await folder.weights.close()
  }
}

async function decode(image: ImageInput): Promise<Image> {
  return typeof image === "string" || image instanceof Uint8Array ? decodeImage(image) : image
}

/**
 * The weights of a folder's model at the image size of `config`. Those in float32 stay in their file for a backend that
 * maps it; others are read and converted.
 */
export async function constantsOf(
  { config: stored, weights }: Pick<ModelFolder, "config" | "weights">,
  backend: Backend,
  config: ViTConfig,
): Promise<Record<string, FileSlice | Float32Array>> {
  // Engines refuse files outside of the model's folder, which links lead to, as in Hugging Face's cache.
  const path = await realpath(weights.path)
  const constants: Record<string, FileSlice | Float32Array> = {}
  for (const { name, dtype, begin, end } of weights.tensors)
    constants[name] =
      dtype === "F32" && readsFiles(backend)
        ? { path, offset: begin, length: end - begin }
        : toFloat32(await weights.read(name))
  const resized = await resizeWeights(stored, config, async (name) => toFloat32(await weights.read(name)))
  return { ...constants, ...resized }
}
