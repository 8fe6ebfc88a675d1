import { parameterCount, VitrineError } from "@vitrine/core"
import { type Image, resizeImage } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/web"
import { detrParameters, queryDetections, scenes } from "@vitrine/detection"
import { queryAttention } from "@vitrine/interpret"
import {
  type Detector,
  type ImageInput,
  type DetectorInspection,
  loadDetector,
  type Prediction,
  topPredictions,
} from "vitrine/web"
import { elementAt, entryOf } from "../checked.ts"
import type { Entry } from "./archive.ts"
import { retryOnNewDevice, sharedBackend } from "./backend.ts"
import { droppedModel, type ModelFiles, publishedModel } from "./model-files.ts"
import { imageData, rgbBytes } from "./pixels.ts"

/** The source of a detector: the site, or dropped files. */
export type DetectorOrigin =
  | { readonly kind: "builtIn" }
  | { readonly kind: "files"; readonly entries: readonly Entry[] }

export interface DetectorSummary {
  readonly name: string
  readonly notes: readonly string[]
  readonly labels: readonly string[]
  readonly parameters: number
  readonly queries: number
  /** The number of decoder layers, and of attention heads in each. */
  readonly layers: number
  readonly heads: number
  readonly encoderDepth: number
}

/** A built-in scene with its objects. */
export interface Scene {
  readonly picture: ImageData
  /** Corners as shares of the picture, `[n, 4]`. */
  readonly boxes: Float64Array
  readonly labels: readonly string[]
}

/** The answers of all queries after one decoder layer, in the order of the queries. */
export interface LayerAnswers {
  /** Corners as shares of the picture, `[queries, 4]`. */
  readonly boxes: Float64Array
  /** The most probable class, except no object. */
  readonly labels: Int32Array
  /** The probability of that class. */
  readonly scores: Float64Array
  /** The probability of no object. */
  readonly nothing: Float64Array
}

/** A picture with the answers of a detector. */
export interface PictureDetections {
  /** RGB bytes of the picture. A large picture is reduced. */
  readonly pixels: Uint8Array
  readonly width: number
  readonly height: number
  /** The size of the original picture. */
  readonly size: readonly [height: number, width: number]
  readonly layers: readonly LayerAnswers[]
  /** Rows and columns of the places to which queries attend. */
  readonly grid: readonly [rows: number, columns: number]
}

/** One query after one decoder layer. */
export interface QueryLayer {
  /** The mean attention of all heads. */
  readonly mean: Float32Array
  /** The attention of each head. */
  readonly heads: readonly Float32Array[]
  /** The most probable classes. The index that equals the number of classes means no object. */
  readonly classes: readonly Prediction[]
}

export interface Detection {
  open(origin: DetectorOrigin): Promise<DetectorSummary>
  /** A built-in scene. It needs no open detector. */
  scene(index: number): Promise<Scene>
  detect(picture: Blob | ImageData): Promise<PictureDetections>
  /** A query of the last picture, in every layer. */
  queryLayers(query: number): Promise<readonly QueryLayer[]>
}

interface OpenDetector {
  readonly files: ModelFiles["files"]
  readonly detector: Detector<ImageInput>
  /** The inspection of the last picture. */
  inspected?: DetectorInspection
}

/** The longest side of the picture on the page. */
const longestSide = 640

const attentionTap = (layer: number): string => `transformer.decoder.layers.${layer}.multihead_attn.weights`

/** @param folder the address of the site's detector */
export function createDetection(folder: string): Detection {
  let current: OpenDetector | undefined
  /** Whether the device of the detector is lost. */
  let isLost = false
  const openDetector = async (files: ModelFiles["files"]): Promise<OpenDetector> => ({
    files,
    detector: await loadDetector(Object.fromEntries(files), { backend: await sharedBackend() }),
  })
  const currentDetector = (): OpenDetector => {
    if (current === undefined) throw new VitrineError("config", "no detector is open")
    return current
  }
  return {
    async open(origin) {
      const { name, files } =
        origin.kind === "files" ? await droppedModel(origin.entries) : { name: "", files: await publishedModel(folder) }
      const next = await openDetector(files)
      if (!isLost) await current?.detector.close()
      current = next
      isLost = false
      const { config, labels, notes } = next.detector
      const { queries, decoderDepth: layers, heads, encoderDepth } = config
      const parameters = parameterCount(detrParameters(config))
      return { name, notes, labels, parameters, queries, layers, heads, encoderDepth }
    },
    async scene(index) {
      const dataset = scenes({ split: "test", size: Number.MAX_SAFE_INTEGER })
      const { data, width, height } = await dataset.read(index)
      const { boxes, labels } = dataset.objects(index)
      return {
        picture: imageData(data, width, height),
        boxes: boxes.map((edge, i) => edge / (i % 2 === 0 ? width : height)),
        labels: Array.from(labels, (label) => elementAt(dataset.classes, label)),
      }
    },
    detect: (picture) =>
      retryOnNewDevice(
        async () => {
          if (isLost) current = await openDetector(currentDetector().files)
          isLost = false
          const open = currentDetector()
          const { config } = open.detector
          const image = await decodeImage(picture)
          const layers = Array.from({ length: config.decoderDepth }, (_, i) => i)
          const inspected = await open.detector.inspect(image, ["logits", "boxes", ...layers.map(attentionTap)])
          open.inspected = inspected
          return {
            ...thumbnail(image),
            size: [image.height, image.width],
            layers: layers.map((layer) => layerAnswers(open.detector, inspected, layer)),
            grid: [inspected.within.rows, inspected.within.columns],
          }
        },
        () => {
          isLost = true
        },
      ),
    async queryLayers(query) {
      const { detector, inspected } = currentDetector()
      if (inspected === undefined) throw new VitrineError("config", "no picture has been inspected")
      const { config } = detector
      const { grid, within, taps } = inspected
      return Array.from({ length: config.decoderDepth }, (_, layer): QueryLayer => {
        const weights = entryOf(taps, attentionTap(layer))
        const attention = (head: number | "mean"): Float32Array =>
          queryAttention(weights, { grid, within, query, head }).values
        return {
          mean: attention("mean"),
          heads: Array.from({ length: config.heads }, (_, head) => attention(head)),
          classes: classProbabilities(detector, inspected, layer, query).slice(0, 5),
        }
      })
    },
  }
}

/** The classes of a query after a layer, most probable first. The class after all others means no object. */
function classProbabilities(
  { config, labels }: Detector<ImageInput>,
  { taps }: DetectorInspection,
  layer: number,
  query: number,
): Prediction[] {
  const count = config.classes + 1
  const start = (layer * config.queries + query) * count
  const logits = Float32Array.from(entryOf(taps, "logits").data.slice(start, start + count))
  return topPredictions(logits, [...labels, ""], count)
}

/** The answers in the order of the queries. `queryDetections` returns them best first. */
function layerAnswers(detector: Detector<ImageInput>, inspected: DetectorInspection, layer: number): LayerAnswers {
  const { config } = detector
  const { logits, boxes } = inspected.taps
  const best = queryDetections(logits?.data ?? [], boxes?.data ?? [], layer, config, [1, 1], -1)
  const answers = {
    boxes: new Float64Array(best.boxes.length),
    labels: new Int32Array(best.labels.length),
    scores: new Float64Array(best.scores.length),
    nothing: new Float64Array(config.queries),
  }
  for (const [i, query] of best.queries.entries()) {
    answers.boxes.set(best.boxes.subarray(4 * i, 4 * i + 4), 4 * query)
    answers.labels[query] = elementAt(best.labels, i)
    answers.scores[query] = elementAt(best.scores, i)
    const classes = classProbabilities(detector, inspected, layer, query)
    answers.nothing[query] = classes.find(({ index }) => index === config.classes)?.probability ?? 0
  }
  return answers
}

/** A picture in the size that the page draws. */
function thumbnail(image: Image): Pick<PictureDetections, "pixels" | "width" | "height"> {
  const scale = Math.min(1, longestSide / Math.max(image.width, image.height))
  const scaled = (side: number): number => Math.max(1, Math.round(scale * side))
  const small = resizeImage(image, scaled(image.width), scaled(image.height), "bilinear")
  return { pixels: rgbBytes(small), width: small.width, height: small.height }
}
