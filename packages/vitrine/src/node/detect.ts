import { stat } from "node:fs/promises"
import { join } from "node:path"
import { isDetector as describesDetector, type DetectorPreprocessing, parameterReader } from "@vitrine/checkpoint"
import { readDetectorFolder } from "@vitrine/checkpoint/node"
import { type Backend, graph, ops, type Program, rootScope } from "@vitrine/core"
import { applyTransforms, type Image, normalize, resizeImage, type Size, wasmPasses } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/node"
import {
  detections,
  type DetrConfig,
  detr,
  featureGrid,
  featurePadding,
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
  readonly preprocessing: DetectorPreprocessing
  /** What was left out of the files or assumed about them, a line each. */
  readonly notes: readonly string[]
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
export interface WholeDetector {
  readonly config: DetrConfig
  readonly labels: readonly string[]
  readonly preprocessing: DetectorPreprocessing
  readonly notes: readonly string[]
  readonly record: DetectionRecord | null
  readonly values: Readonly<Record<string, Float32Array>>
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
export async function loadDetector(path: string, options: LoadDetectorOptions = {}): Promise<Detector> {
  const { backend: wanted = "auto", ...engine } = options
  const folder = await readDetector((await locate(path)).path)
  const own = typeof wanted === "string"
  const backend = own ? await createBackend(wanted, engine) : wanted
  const { config, labels, preprocessing, notes, record, values } = folder
  const { shortest, within, mean, std } = preprocessing
  // One program for each size that images have after resizing; the sizes used last stay.
  const held = new Map<string, Promise<Program>>()
  const programFor = async (size: Size, padded: boolean): Promise<Program> => {
    const key = `${size.join("×")}${padded ? " padded" : ""}`
    const program =
      held.get(key) ?? backend.compile(detectionGraph(config, size, padded), { batch: 1, constants: values })
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
    preprocessing,
    notes,
    backend,
    record,
    async detect(input, { threshold = 0.5 } = {}) {
      const image = await decoded(input)
      const size = shortestSize([image.height, image.width], shortest, within)
      const { data } = applyTransforms(
        resizeImage(image, size[1], size[0], "bilinear", undefined, wasmPasses()),
        numbers,
      )
      // A ViT takes images of one size alone: others are padded.
      const canvas = config.backbone.kind === "vit" ? config.backbone.config.imageSize : size
      const padded = canvas.join() !== size.join()
      const program = await programFor(canvas, padded)
      const { logits, boxes } = await program.run(padded ? onCanvas(data, size, canvas, config) : { images: data })
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

function detectionGraph(config: DetrConfig, size: Size, padded: boolean): ReturnType<typeof graph> {
  const [rows, columns] = featureGrid(config, size)
  const images = ops.input("images", ["batch", ...size, 3])
  const padding = {
    visible: ops.input("visible", ["batch", rows * columns]),
    positions: ops.input("positions", ["batch", rows * columns, config.dim]),
  }
  const { logits, boxes } = detr(rootScope(), images, config, padded ? padding : undefined)
  return graph({ outputs: { logits: lastLayer(logits), boxes: lastLayer(boxes) } })
}

/** An image of a size, `[height, width, 3]`, in the upper left of a larger one, and what its features see of that. */
function onCanvas(
  data: Float32Array,
  [height, width]: Size,
  canvas: Size,
  config: DetrConfig,
): Record<string, Float32Array> {
  const images = new Float32Array(canvas[0] * canvas[1] * 3)
  const mask = new Float32Array(canvas[0] * canvas[1])
  for (let y = 0; y < height; y++) {
    images.set(data.subarray(y * width * 3, (y + 1) * width * 3), y * canvas[1] * 3)
    mask.fill(1, y * canvas[1], y * canvas[1] + width)
  }
  return { images, ...featurePadding(mask, canvas, featureGrid(config, canvas), config.dim) }
}

async function decoded(image: ImageInput): Promise<Image> {
  return typeof image === "string" || image instanceof Uint8Array ? decodeImage(image) : image
}

/** Whether a path is the folder of a detector; false for what cannot be read. */
export async function isDetector(path: string): Promise<boolean> {
  try {
    const file = join(path, "config.json")
    return (await stat(file)).size < 2 ** 24 && describesDetector(JSON.parse(await readFile(file, "utf8")))
  } catch {
    return false
  }
}

/**
 * Reads the folder of a detector, weights and all.
 * @throws VitrineError (file, config) for one that is missing or broken, or of another kind of model.
 */
export async function readDetector(path: string): Promise<WholeDetector> {
  const { config, preprocessing, notes, json, weights, sources, ...folder } = await readDetectorFolder(path)
  try {
    const read = parameterReader(weights, sources)
    const values: Record<string, Float32Array> = {}
    for (const name of sources.keys()) values[name] = await read(name)
    const labels = folder.labels ?? Array.from({ length: config.classes }, (_, i) => String(i))
    return { config, labels, preprocessing, notes, record: detectionRecordOf(json, path), values }
  } finally {
    await weights.close()
  }
}
