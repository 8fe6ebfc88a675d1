import { realpath } from "node:fs/promises"
import {
  applyOverrides,
  hintsOf,
  type ModelConfig,
  type Overrides,
  parameterReader,
  resizeWeights,
  splitOverrides,
} from "@vitrine/checkpoint"
import { type ModelFolder, readModelFolder } from "@vitrine/checkpoint/node"
import type { Backend, CompileOptions, FileSlice } from "@vitrine/core"
import { type BackendChoice, openBackend, readsFiles } from "../../../node/backends.ts"
import { locate } from "../../../node/hub.ts"
import { decode, type ImageInput } from "../../../node/image.ts"
import { createModel, type Model } from "../model.ts"

/** Options of loading a classifier. They override what its files say. */
export interface LoadOptions extends BackendChoice, Overrides {}

/**
 * Loads a classifier from one of:
 * - a run folder, or a folder of timm or Hugging Face, with `config.json`, `model.safetensors` and, from Hugging Face,
 *   `preprocessor_config.json`;
 * - an .npz file of Google's vision_transformer, big_vision or big_transfer;
 * - a name on the Hugging Face hub, `hf:owner/name` or `hf:owner/name@revision`, which `pull` fetches.
 *
 *     const model = await load("runs/shapes")
 *     console.log(await model.predict("photo.jpg"))
 *
 * With `imageSize` the model accepts images of another size. Other overrides change the preparation of images.
 * @throws VitrineError (file, config or backend): one line that names the file and the fault
 */
export async function load(path: string, options: LoadOptions = {}): Promise<Model<ImageInput>> {
  const [overrides, choice] = splitOverrides(options)
  const folder = await readModelFolder((await locate(path)).path, hintsOf(overrides))
  try {
    const { config, preprocessing, labels, problemType, notes } = applyOverrides(folder, overrides, path)
    const { backend, close } = await openBackend(choice)
    const constants = await constantsOf(folder, backend, config)
    return createModel({ config, preprocessing, labels, problemType, notes, constants, backend, decode, close })
  } finally {
    await folder.weights.close()
  }
}

/**
 * The weights of a folder's model at the image size of `config`. A backend that maps files gets float32 weights as
 * slices of their file. A weight that consists of several tensors becomes several slices. All other weights are read
 * and converted.
 */
export async function constantsOf(
  { config: stored, positionMethod, weights, sources }: ModelFolder,
  backend: Backend,
  config: ModelConfig,
): Promise<NonNullable<CompileOptions["constants"]>> {
  const read = parameterReader(weights, sources)
  const tensors = new Map(weights.tensors.map((tensor) => [tensor.name, tensor]))
  // Engines refuse files outside the model's folder. The links of Hugging Face's cache lead there.
  const paths = new Map<string, Promise<string>>()
  const realPath = (file: string): Promise<string> => {
    const path = paths.get(file) ?? realpath(file)
    paths.set(file, path)
    return path
  }
  const slicesOf = async (names: readonly string[]): Promise<FileSlice[] | undefined> => {
    const slices: FileSlice[] = []
    for (const name of names) {
      const { dtype, place } = tensors.get(name) ?? {}
      if (dtype !== "F32" || place === undefined) return undefined
      slices.push({ path: await realPath(place.file), offset: place.begin, length: place.end - place.begin })
    }
    return slices.length > 0 ? slices : undefined
  }
  const constants: Record<string, FileSlice[] | Float32Array> = {}
  for (const [name, { from, make }] of sources) {
    const slices = make === undefined && readsFiles(backend) ? await slicesOf(from) : undefined
    constants[name] = slices ?? (await read(name))
  }
  const resized = await resizeWeights(stored, config, read, positionMethod)
  return { ...constants, ...resized }
}
