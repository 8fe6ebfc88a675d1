import { realpath } from "node:fs/promises"
import {
  hintsOf,
  splitOverrides,
  type ModelConfig,
  type Overrides,
  applyOverrides,
  parameterReader,
  resizeWeights,
} from "@vitrine/checkpoint"
import { type ModelFolder, readModelFolder } from "@vitrine/checkpoint/node"
import type { Backend, CompileOptions, FileSlice } from "@vitrine/core"
import type { Image } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/node"
import { createModel, type Model } from "../model.ts"
import { type BackendOptions, createBackend, readsFiles } from "../../../node/backends.ts"
import { locate } from "../../../node/hub.ts"

/** A path, the bytes of a file, or pixels. */
export type ImageInput = string | Uint8Array | Image

export interface LoadOptions extends BackendOptions, Overrides {
  /** A name, or a backend that is yours to close; `auto` by default. */
  readonly backend?: string | Backend
}

/**
 * Loads a model from a run folder, a folder as timm or Hugging Face publishes it (`config.json`, `model.safetensors`
 * and, of Hugging Face's, `preprocessor_config.json`), or an .npz file of Google's vision_transformer, big_vision or big_transfer; or from
 * the Hugging Face hub by name, `hf:owner/name` or `hf:owner/name@revision`, as `pull` fetches it.
 *
 *     const model = await load("runs/shapes")
 *     console.log(await model.predict("photo.jpg"))
 *
 * With `imageSize` it takes images of another size; that, and how they are prepared, is otherwise as the folder says.
 * @throws VitrineError (file, config or backend): one line that names the file and the fault.
 */
export async function load(path: string, options: LoadOptions = {}): Promise<Model<ImageInput>> {
  const { backend: wanted = "auto", ...others } = options
  const [overrides, engine] = splitOverrides(others)
  const folder = await readModelFolder((await locate(path)).path, hintsOf(overrides))
  try {
    const { config, preprocessing, labels, notes } = applyOverrides(folder, overrides, path)
    const own = typeof wanted === "string"
    const backend = own ? await createBackend(wanted, engine) : wanted
    const constants = await constantsOf(folder, backend, config)
    const close = async (): Promise<void> => (own ? backend.close() : undefined)
    return createModel({ config, preprocessing, labels, notes, constants, backend, decode, close })
  } finally {
    await folder.weights.close()
  }
}

async function decode(image: ImageInput): Promise<Image> {
  return typeof image === "string" || image instanceof Uint8Array ? decodeImage(image) : image
}

/**
 * The weights of a folder's model at the image size of `config`. Those in float32 stay in their file for a backend that
 * maps it, in parts where several tensors make one; others are read and converted.
 */
export async function constantsOf(
  { config: stored, positionMethod, weights, sources }: ModelFolder,
  backend: Backend,
  config: ModelConfig,
): Promise<NonNullable<CompileOptions["constants"]>> {
  const read = parameterReader(weights, sources)
  const constants: Record<string, FileSlice[] | Float32Array> = {}
  const tensors = new Map(weights.tensors.map((tensor) => [tensor.name, tensor]))
  // Engines refuse files outside of the model's folder, which links lead to, as in Hugging Face's cache.
  const paths = new Map<string, Promise<string>>()
  for (const [name, { from, make }] of sources) {
    const slices: FileSlice[] = []
    for (const { dtype, place } of from.map((one) => tensors.get(one) as (typeof weights.tensors)[number])) {
      if (dtype !== "F32" || place === undefined || make !== undefined || !readsFiles(backend)) break
      const path = paths.get(place.file) ?? realpath(place.file)
      paths.set(place.file, path)
      slices.push({ path: await path, offset: place.begin, length: place.end - place.begin })
    }
    constants[name] = from.length > 0 && slices.length === from.length ? slices : await read(name)
  }
  const resized = await resizeWeights(stored, config, read, positionMethod)
  return { ...constants, ...resized }
}
