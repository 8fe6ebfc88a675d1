import { stat } from "node:fs/promises"
import { join } from "node:path"
import { checkTensors, toFloat32 } from "@vitrine/checkpoint"
import { explaining, openSafetensors } from "@vitrine/checkpoint/node"
import { type Backend, graph, ops, type Program, rootScope, VitrineError } from "@vitrine/core"
import { applyTransforms, type Image, normalize, resizeImage, type Size, wasmPasses } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/node"
import {
  detections,
  type DetrConfig,
  detr,
  detrParameters,
  type Found,
  lastLayer,
  shortestSize,
} from "@vitrine/detection"
import { readFile } from "node:fs/promises"
import { type DetectionRecord, detectionRecordOf } from "../detection/record.ts"
import { type BackendOptions, createBackend } from "./backends.ts"
import { locate } from "./hub.ts"
import type { ImageInput } from "./load.ts"

/** A trained detector, ready to be asked. */
export interface Detector {
  readonly config: DetrConfig
  /** A name for each class. */
  readonly labels: readonly string[]
  /** [height, width] that images are resized to stay within. */
  readonly imageSize: Size
  readonly backend: Backend
  /** How it was trained; null for a model that Vitrine did not train. */
  readonly record: DetectionRecord | null
  /** What is in an image, best first, in its pixels; what has a score above `threshold`, 0.5 by default. */
  detect(image: ImageInput, options?: { readonly threshold?: number }): Promise<Found>
  /** Releases the programs, and the backend if it was made for this model. */
  close(): Promise<void>
}

export interface LoadDetectorOptions extends BackendOptions {
  /** A name, or a backend that is yours to close; `auto` by default. */
  readonly backend?: string | Backend
}

/** What a folder says of a detector, and its weights by name. */
export interface DetectorFolder {
  readonly config: DetrConfig
  readonly labels: readonly string[]
  readonly imageSize: Size
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly record: DetectionRecord | null
  readonly values: Readonly<Record<string, Float32Array>>
}

/**
 * Loads a detector from a run folder.
 *
 *     const detector = await loadDetector("runs/scenes-1")
 *     console.log(await detector.detect("photo.jpg"))
 *
 * @throws VitrineError (file, config or backend): one line that names the file and the fault.
 */
export async function loadDetector(path: string, options: LoadDetectorOptions = {}): Promise<Detector> {
  const { backend: wanted = "auto", ...engine } = options
  const folder = await readDetector((await locate(path)).path)
  const own = typeof wanted === "string"
  const backend = own ? await createBackend(wanted, engine) : wanted
  const { config, labels, imageSize, mean, std, record, values } = folder
  // One program for each size that images have after resizing; the sizes used last stay.
  const held = new Map<string, Promise<Program>>()
  const programFor = async (size: Size): Promise<Program> => {
    const key = size.join("×")
    const program = held.get(key) ?? backend.compile(detectionGraph(config, size), { batch: 1, constants: values })
    held.delete(key)
    held.set(key, program)
    for (const [other, old] of held) {
      if (held.size <= mostPrograms) break
      held.delete(other)
      await (await old).dispose()
    }
    return program
  }
  const numbers = [normalize(mean, std)]
  return {
    config,
    labels,
    imageSize,
    backend,
    record,
    async detect(input, { threshold = 0.5 } = {}) {
      const image = await decoded(input)
      const size = shortestSize([image.height, image.width], Math.min(...imageSize), imageSize)
      const { data } = applyTransforms(
        resizeImage(image, size[1], size[0], "bilinear", undefined, wasmPasses()),
        numbers,
      )
      const { logits, boxes } = await (await programFor(size)).run({ images: data })
      return detections(logits?.data ?? [], boxes?.data ?? [], 0, config, [image.height, image.width], threshold)
    },
    async close() {
      for (const program of held.values()) await (await program).dispose()
      held.clear()
      if (own) await backend.close()
    },
  }
}

const mostPrograms = 4

function detectionGraph(config: DetrConfig, size: Size): ReturnType<typeof graph> {
  const { logits, boxes } = detr(rootScope(), ops.input("images", ["batch", ...size, 3]), config)
  return graph({ outputs: { logits: lastLayer(logits), boxes: lastLayer(boxes) } })
}

async function decoded(image: ImageInput): Promise<Image> {
  return typeof image === "string" || image instanceof Uint8Array ? decodeImage(image) : image
}

/** Whether a path is the folder of a detector; false for what cannot be read. */
export async function isDetector(path: string): Promise<boolean> {
  try {
    return detectionRecordOf(await readConfig(path), path) !== null
  } catch {
    return false
  }
}

/**
 * Reads the folder of a detector.
 * @throws VitrineError (file) for one that is missing or broken, or of another kind of model.
 */
export async function readDetector(path: string): Promise<DetectorFolder> {
  const json = await readConfig(path)
  const found = detectionRecordOf(json, join(path, "config.json"))
  if (found === null)
    throw new VitrineError("config", `${path}: is no detector; vitrine predict says what an image shows as a whole`)
  const { record, labels } = found
  const { config, imageSize, mean, std } = record.recipe
  const weights = await openSafetensors(join(path, "model.safetensors"))
  try {
    const parameters = detrParameters(config)
    checkTensors(weights, parameters, weights.path)
    const values: Record<string, Float32Array> = {}
    for (const { name } of parameters) values[name] = toFloat32(await weights.read(name))
    return { config, labels, imageSize, mean, std, record, values }
  } finally {
    await weights.close()
  }
}

async function readConfig(path: string): Promise<unknown> {
  const file = join(path, "config.json")
  const text = await explaining(file, "read", async () => {
    const { size } = await stat(file)
    if (size > 2 ** 24) throw new VitrineError("file", `${file}: is ${size} bytes, no model's config.json`)
    return readFile(file, "utf8")
  })
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new VitrineError("file", `${file}: is not JSON (${(error as Error).message.split("\n")[0]})`)
  }
}
