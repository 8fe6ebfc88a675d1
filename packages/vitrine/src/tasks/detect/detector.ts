import { type DetectorPreprocessing, type OpenDetector, parameterReader } from "@vitrine/checkpoint"
import {
  type Backend,
  type Graph,
  graph,
  type HostTensor,
  ops,
  type Program,
  rootScope,
  type Scope,
} from "@vitrine/core"
import { applyTransforms, type Image, normalize, resizeImage, type Size, toRgb, wasmPasses } from "@vitrine/data"
import {
  type DetrOutputs,
  queryDetections,
  type DetrConfig,
  detr,
  detrChannels,
  featureGrid,
  featurePadding,
  type QueryDetections,
  lastLayer,
  shortestSize,
} from "@vitrine/detection"
import { checkFinite } from "../../finite.ts"
import { type TapShape, tapGraph, tapShapes } from "../../taps.ts"
import { exportedSize } from "./export.ts"
import { type DetectionRecord, detectionRecordOf } from "./record.ts"

/** A trained detector, ready to be asked. `Input` is what the platform can make an image of. */
export interface Detector<Input> {
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
  detect(image: Input, options?: { readonly threshold?: number }): Promise<QueryDetections>
  /**
   * Intermediate values of an image by the names of the model's taps, such as
   * `transformer.decoder.layers.0.multihead_attn.weights`; each has a first dimension of 1.
   * @throws VitrineError (config) for a name that the model does not have.
   */
  inspect(image: Input, taps: readonly string[]): Promise<DetectorInspection>
  /** The names that `inspect` takes, in the order of the computation, with the shapes for an image of the usual size. */
  taps(): TapShape[]
  /** Releases the programs, and the backend if it was made for this model. */
  close(): Promise<void>
}

/** What a detector computed on its way, and of what. */
export interface DetectorInspection {
  readonly taps: Readonly<Record<string, HostTensor>>
  /** Height and width to which the image was resized. */
  readonly size: Size
  /** The same with the padding at the right and below. */
  readonly canvas: Size
  /** Rows and columns of the features, which cover the canvas. */
  readonly grid: { readonly rows: number; readonly columns: number }
  /** Those of them, from the upper left, that show something of the image and not padding alone. */
  readonly within: { readonly rows: number; readonly columns: number }
}

/** A detector with its weights in memory. */
export interface WholeDetector {
  readonly config: DetrConfig
  readonly labels: readonly string[]
  readonly preprocessing: DetectorPreprocessing
  readonly notes: readonly string[]
  readonly record: DetectionRecord | null
  readonly values: Readonly<Record<string, Float32Array>>
}

export interface DetectorParts<Input> extends WholeDetector {
  readonly backend: Backend
  readonly decode: (image: Input) => Promise<Image>
  readonly close: () => Promise<void>
}

/** The sizes used last stay compiled, as many as hold their weights in so many bytes together, but one and up to four. */
const mostBytes = 2 ** 28

export function createDetector<Input>(parts: DetectorParts<Input>): Detector<Input> {
  const { config, labels, preprocessing, notes, record, values, backend, decode } = parts
  const { shortest, within, mean, std } = preprocessing
  const numbers = [...(detrChannels(config) === 3 ? [toRgb()] : []), normalize(mean, std)]
  const bytes = Object.values(values).reduce((sum, { byteLength }) => sum + byteLength, 0)
  const mostPrograms = Math.max(1, Math.min(4, Math.floor(mostBytes / bytes)))
  // One program for what is asked of images of each size after resizing.
  const held = new Map<string, Promise<Program>>()
  const programFor = async (asked: Asked): Promise<Program> => {
    const key = JSON.stringify(asked)
    const program = held.get(key) ?? backend.compile(detectorGraph(config, asked), { batch: 1, constants: values })
    held.delete(key)
    held.set(key, program)
    for (const [other, old] of held) {
      if (held.size <= mostPrograms) break
      held.delete(other)
      await (await old).dispose()
    }
    return program
  }
  const run = async (image: Image, taps: Asked["taps"]): Promise<Omit<DetectorInspection, "grid" | "within">> => {
    const size = shortestSize([image.height, image.width], shortest, within)
    const { data } = applyTransforms(resizeImage(image, size[1], size[0], "bilinear", undefined, wasmPasses()), numbers)
    // A ViT takes images of one size alone: others are padded.
    const canvas = config.backbone.kind === "vit" ? config.backbone.config.imageSize : size
    const padded = canvas.join() !== size.join()
    const program = await programFor({ canvas, padded, taps })
    return { taps: await program.run(padded ? onCanvas(data, size, canvas, config) : { images: data }), size, canvas }
  }
  return {
    config,
    labels,
    preprocessing,
    notes,
    backend,
    record,
    async detect(input, { threshold = 0.5 } = {}) {
      const image = await decode(input)
      const { logits, boxes } = (await run(image, null)).taps
      checkFinite(logits?.data ?? [])
      return queryDetections(logits?.data ?? [], boxes?.data ?? [], 0, config, [image.height, image.width], threshold)
    },
    async inspect(input, taps) {
      const found = await run(await decode(input), taps)
      const { size, canvas } = found
      const [rows, columns] = featureGrid(config, canvas)
      const part = (count: number, axis: 0 | 1): number => Math.ceil((count * size[axis]) / canvas[axis])
      return { ...found, grid: { rows, columns }, within: { rows: part(rows, 0), columns: part(columns, 1) } }
    },
    taps() {
      const canvas = exportedSize(config, preprocessing)
      return tapShapes((scope) => forward(scope, config, { canvas, padded: false }))
    },
    async close() {
      for (const program of held.values()) await (await program).dispose()
      held.clear()
      await parts.close()
    },
  }
}

interface Asked {
  readonly canvas: Size
  readonly padded: boolean
  /** Null for what the last layer finds. */
  readonly taps: readonly string[] | null
}

function detectorGraph(config: DetrConfig, asked: Asked): Graph {
  const { taps } = asked
  if (taps !== null) return tapGraph(taps, (scope) => forward(scope, config, asked))
  const { logits, boxes } = forward(rootScope(), config, asked)
  return graph({ outputs: { logits: lastLayer(logits), boxes: lastLayer(boxes) } })
}

function forward(scope: Scope, config: DetrConfig, { canvas, padded }: Omit<Asked, "taps">): DetrOutputs {
  const [rows, columns] = featureGrid(config, canvas)
  const images = ops.input("images", ["batch", ...canvas, detrChannels(config)])
  const padding = {
    visible: ops.input("visible", ["batch", rows * columns]),
    positions: ops.input("positions", ["batch", rows * columns, config.dim]),
  }
  return detr(scope, images, config, padded ? padding : undefined)
}

/** An image of a size, `[height, width, channels]`, in the upper left of a larger one, and what its features see of that. */
function onCanvas(
  data: Float32Array,
  [height, width]: Size,
  canvas: Size,
  config: DetrConfig,
): Record<string, Float32Array> {
  const channels = detrChannels(config)
  const images = new Float32Array(canvas[0] * canvas[1] * channels)
  const mask = new Float32Array(canvas[0] * canvas[1])
  const row = width * channels
  for (let y = 0; y < height; y++) {
    images.set(data.subarray(y * row, (y + 1) * row), y * canvas[1] * channels)
    mask.fill(1, y * canvas[1], y * canvas[1] + width)
  }
  return { images, ...featurePadding(mask, canvas, featureGrid(config, canvas), config.dim) }
}

/** A detector of which headers were read, with its weights. */
export async function wholeDetector(open: OpenDetector, name: string): Promise<WholeDetector> {
  const { config, preprocessing, notes, json, weights, sources } = open
  const read = parameterReader(weights, sources)
  const values: Record<string, Float32Array> = {}
  for (const parameter of sources.keys()) values[parameter] = await read(parameter)
  const labels = open.labels ?? Array.from({ length: config.classes }, (_, i) => String(i))
  return { config, labels, preprocessing, notes, record: detectionRecordOf(json, name), values }
}
