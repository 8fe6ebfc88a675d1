import { type DetectorHints, type DetectorPreprocessing, type OpenDetector, parameterReader } from "@vitrine/checkpoint"
import {
  type Backend,
  type Graph,
  graph,
  type HostTensor,
  ops,
  type Program,
  rootScope,
  type Scope,
  VitrineError,
} from "@vitrine/core"
import { applyTransforms, type Image, normalize, resizeImage, type Size, toRgb } from "@vitrine/data"
import {
  backboneImageSize,
  type DetrConfig,
  type DetrOutputs,
  detr,
  detrChannels,
  featureGrid,
  featurePadding,
  lastLayer,
  type QueryDetections,
  queryDetections,
  shortestSize,
} from "@vitrine/detection"
import { checkFinite } from "../../finite.ts"
import { type TapShape, tapGraph, tapShapes } from "../../taps.ts"
import { exportedSize } from "./export.ts"
import type { DetectionRecord } from "./record-type.ts"
import { detectionRecordOf } from "./record.ts"

/** A trained detector. `Input` is the platform's type of an image. */
export interface Detector<Input> {
  readonly config: DetrConfig
  /** A name for each class. */
  readonly labels: readonly string[]
  readonly preprocessing: DetectorPreprocessing
  /** Facts that the files leave open or that Vitrine assumes, a line each. */
  readonly notes: readonly string[]
  readonly backend: Backend
  /** The record of its training, or null if Vitrine has not trained it. */
  readonly record: DetectionRecord | null
  /**
   * The objects in an image with a score above `threshold` (0.5 by default), best first. Boxes are in the image's
   * pixels.
   */
  detect(image: Input, options?: { readonly threshold?: number }): Promise<QueryDetections>
  /**
   * Intermediate values of an image by the names of the model's taps, such as
   * `transformer.decoder.layers.0.multihead_attn.weights`. The first dimension of each is 1.
   * @throws VitrineError (config) for a name that the model does not have
   */
  inspect(image: Input, taps: readonly string[]): Promise<DetectorInspection>
  /** The names that `inspect` accepts, in the order of computation, with the shapes for an image of the usual size. */
  taps(): TapShape[]
  /** Releases the programs, and the backend if it was opened for this model. */
  close(): Promise<void>
}

/** Intermediate values of a detector, and the place of the image in them. */
export interface DetectorInspection {
  readonly taps: Readonly<Record<string, HostTensor>>
  /** Height and width to which the image was resized. */
  readonly size: Size
  /** Height and width with the padding at the right and below. */
  readonly canvas: Size
  /** Rows and columns of the features, which cover the canvas. */
  readonly grid: { readonly rows: number; readonly columns: number }
  /** The number of rows and columns of the features, from the upper left, that cover some of the image. */
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

/**
 * The programs of the most recent sizes stay compiled: one, or up to four if their weights need no more bytes than
 * this.
 */
const mostProgramBytes = 2 ** 28

export function createDetector<Input>(parts: DetectorParts<Input>): Detector<Input> {
  const { config, labels, preprocessing, notes, record, values, backend, decode } = parts
  const { padSize } = preprocessing
  const bytes = Object.values(values).reduce((sum, { byteLength }) => sum + byteLength, 0)
  const mostPrograms = Math.max(1, Math.min(4, Math.floor(mostProgramBytes / bytes)))
  const programs = new Map<string, Promise<Program>>()
  const programFor = async (query: DetectorQuery): Promise<Program> => {
    const key = JSON.stringify(query)
    const program = programs.get(key) ?? backend.compile(detectorGraph(config, query), { batch: 1, constants: values })
    // The most recent program stands last.
    programs.delete(key)
    programs.set(key, program)
    for (const [oldest, unused] of programs) {
      if (programs.size <= mostPrograms) break
      programs.delete(oldest)
      await (await unused).dispose()
    }
    return program
  }
  const run = async (
    image: Image,
    taps: DetectorQuery["taps"],
  ): Promise<Pick<DetectorInspection, "taps" | "size" | "canvas">> => {
    const { data, size } = preparedImage(image, preprocessing, detrChannels(config))
    // If the backbone accepts only one image size, other images are padded.
    const canvas = backboneImageSize(config.backbone) ?? padSize ?? size
    if (size[0] > canvas[0] || size[1] > canvas[1])
      throw new VitrineError(
        "config",
        `pad_size is ${canvas.join("×")}, but the image becomes ${size.join("×")}: images must fit into it`,
      )
    const padded = canvas.join() !== size.join()
    const program = await programFor({ canvas, padded, taps })
    const inputs = padded ? padToCanvas(data, size, canvas, config) : { images: data }
    return { taps: await program.run(inputs), size, canvas }
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
      const inspection = await run(await decode(input), taps)
      const { size, canvas } = inspection
      const [rows, columns] = featureGrid(config, canvas)
      const covered = {
        rows: Math.ceil((rows * size[0]) / canvas[0]),
        columns: Math.ceil((columns * size[1]) / canvas[1]),
      }
      return { ...inspection, grid: { rows, columns }, within: covered }
    },
    taps() {
      const canvas = exportedSize(config, preprocessing)
      return tapShapes((scope) => forward(scope, config, { canvas, padded: false }))
    },
    async close() {
      for (const program of programs.values()) await (await program).dispose()
      programs.clear()
      await parts.close()
    },
  }
}

/** An image as the detector reads it, [height, width, channels], before it is padded. */
export function preparedImage(
  image: Image,
  preprocessing: DetectorPreprocessing,
  channels: number,
): { readonly data: Float32Array; readonly size: Size } {
  const { mean, std, interpolation = "bilinear" } = preprocessing
  const size = preparedSize(preprocessing, [image.height, image.width])
  const resized = preprocessing.resize === null ? image : resizeImage(image, size[1], size[0], interpolation)
  const { data } = applyTransforms(resized, [...(channels === 3 ? [toRgb()] : []), normalize(mean, std)])
  return { data, size }
}

/** The size to which an image is resized. */
function preparedSize({ shortest, within, resize }: DetectorPreprocessing, size: Size): Size {
  if (resize === undefined) return shortestSize(size, shortest, within)
  if (resize === null) return size
  if (resize.to === "exact") return resize.size
  const scale = Math.min(resize.size[0] / size[0], resize.size[1] / size[1])
  return [Math.trunc(size[0] * scale), Math.trunc(size[1] * scale)]
}

/** The outputs of a program and the size of its images. */
interface DetectorQuery {
  readonly canvas: Size
  readonly padded: boolean
  /** The taps to compute, or null for the outputs of the last layer. */
  readonly taps: readonly string[] | null
}

function detectorGraph(config: DetrConfig, query: DetectorQuery): Graph {
  const { taps } = query
  if (taps !== null) return tapGraph(taps, (scope) => forward(scope, config, query))
  const { logits, boxes } = forward(rootScope(), config, query)
  return graph({ outputs: { logits: lastLayer(logits), boxes: lastLayer(boxes) } })
}

function forward(scope: Scope, config: DetrConfig, { canvas, padded }: Omit<DetectorQuery, "taps">): DetrOutputs {
  const [rows, columns] = featureGrid(config, canvas)
  const images = ops.input("images", ["batch", ...canvas, detrChannels(config)])
  const padding = {
    visible: ops.input("visible", ["batch", rows * columns]),
    positions: ops.input("positions", ["batch", rows * columns, config.dim]),
  }
  return detr(scope, images, config, padded ? padding : undefined)
}

/**
 * Puts an image `[height, width, channels]` into the upper left of a larger canvas, and computes the padding of its
 * features.
 */
function padToCanvas(
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

/**
 * Reads the weights of an open detector.
 * @param name the model's name in errors
 * @throws VitrineError (file, config) for a model that contradicts a hint
 */
export async function wholeDetector(open: OpenDetector, name: string, hints: DetectorHints): Promise<WholeDetector> {
  const { config, preprocessing, notes, json, weights, sources } = open
  const { backbone, heads } = config
  const facts = { heads, dilated: backbone.kind === "resnet" && backbone.config.dilated }
  for (const field of ["heads", "dilated"] as const)
    if (hints[field] !== undefined && hints[field] !== facts[field])
      throw new VitrineError("config", `${name}: the model has ${field} ${facts[field]}, not ${hints[field]}`)
  const read = parameterReader(weights, sources)
  const values: Record<string, Float32Array> = {}
  for (const parameter of sources.keys()) values[parameter] = await read(parameter)
  const labels = open.labels ?? Array.from({ length: config.classes }, (_, i) => String(i))
  return { config, labels, preprocessing, notes, record: detectionRecordOf(json, name), values }
}
