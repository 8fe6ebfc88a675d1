import { parameterCount, VitrineError } from "@vitrine/core"
import { type Image, resizeImage, wasmPasses } from "@vitrine/data"
import { decodeImage } from "@vitrine/data/web"
import { queryDetections, detrParameters, type QueryDetections, scenes } from "@vitrine/detection"
import { queryAttention } from "@vitrine/interpret"
import {
  type Detector,
  type ImageInput,
  type DetectorInspection,
  loadDetector,
  type Prediction,
  topPredictions,
} from "vitrine/web"
import type { Entry } from "./archive.ts"
import { sharedBackend, surviving } from "./backend.ts"
import { droppedModel, type ModelBlobs, publishedModel } from "./models.ts"
import { colored, rgba } from "./pixels.ts"

/** A detector of which a page can ask: the site's own, or dropped files. */
export type DetectorSource = { readonly kind: "own" } | { readonly kind: "files"; readonly entries: readonly Entry[] }

export interface DetectorAbout {
  readonly name: string
  readonly notes: readonly string[]
  readonly labels: readonly string[]
  readonly parameters: number
  readonly queries: number
  /** Layers of the decoder, each with heads of attention. */
  readonly layers: number
  readonly heads: number
  readonly encoderDepth: number
}

/** A built-in scene, and what is in it. */
export interface Scene {
  readonly picture: ImageData
  /** Corners as shares of the picture, `[n, 4]`. */
  readonly boxes: Float64Array
  readonly labels: readonly string[]
}

/** What all queries found in a picture after one layer of the decoder, by query. */
export interface Layer {
  /** Corners as shares of the picture, `[queries, 4]`. */
  readonly boxes: Float64Array
  /** The likeliest class that is an object. */
  readonly labels: Int32Array
  /** Its probability. */
  readonly scores: Float64Array
  /** The probability of no object. */
  readonly nothing: Float64Array
}

/** A picture in a detector. */
export interface Sight {
  /** RGB bytes of the picture, made smaller where it is large. */
  readonly pixels: Uint8Array
  readonly width: number
  readonly height: number
  /** Of the picture itself. */
  readonly size: readonly [height: number, width: number]
  readonly layers: readonly Layer[]
  /** Rows and columns of places that queries look at. */
  readonly grid: readonly [rows: number, columns: number]
}

/** One query in one layer of the decoder. */
export interface Look {
  /** Where it looks: the mean of the heads, and each. */
  readonly mean: Float32Array
  readonly heads: readonly Float32Array[]
  /** The likeliest classes; the index of no object is the number of classes. */
  readonly classes: readonly Prediction[]
}

export interface Detection {
  open(source: DetectorSource): Promise<DetectorAbout>
  /** Needs no detector. */
  scene(index: number): Promise<Scene>
  see(picture: Blob | ImageData): Promise<Sight>
  /** A query in every layer, of the picture seen last. */
  looks(query: number): Promise<readonly Look[]>
}

interface Held {
  readonly files: ModelBlobs["files"]
  readonly detector: Detector<ImageInput>
  seen?: DetectorInspection
}

/** Longest side of the picture as the page draws it. */
const mostSide = 640

const attentionOf = (layer: number): string => `transformer.decoder.layers.${layer}.multihead_attn.weights`

/** @param folder address of the site's own detector */
export function createDetection(folder: string): Detection {
  let held: Held | undefined
  /** Whether the detector lived on a device that is gone. */
  let gone = false
  const opened = async (files: ModelBlobs["files"]): Promise<Held> => ({
    files,
    detector: await loadDetector(Object.fromEntries(files), { backend: await sharedBackend() }),
  })
  const current = (): Held => {
    if (held === undefined) throw new VitrineError("config", "no detector is open")
    return held
  }
  return {
    async open(source) {
      const { name, files } =
        source.kind === "files" ? await droppedModel(source.entries) : { name: "", files: await publishedModel(folder) }
      const next = await opened(files)
      if (!gone) await held?.detector.close()
      held = next
      gone = false
      const { config, labels, notes } = next.detector
      const { queries, decoderDepth: layers, heads, encoderDepth } = config
      const parameters = parameterCount(detrParameters(config))
      return { name, notes, labels, parameters, queries, layers, heads, encoderDepth }
    },
    async scene(index) {
      const drawn = scenes({ split: "test", size: Number.MAX_SAFE_INTEGER })
      const { data, width, height } = await drawn.read(index)
      const { boxes, labels } = drawn.objects(index)
      return {
        picture: rgba(data, width, height),
        boxes: boxes.map((edge, i) => edge / (i % 2 === 0 ? width : height)),
        labels: Array.from(labels, (label) => drawn.classes[label] as string),
      }
    },
    see: (picture) =>
      surviving(
        async () => {
          if (gone) held = await opened(current().files)
          gone = false
          const own = current()
          const { config } = own.detector
          const image = await decodeImage(picture)
          const layers = Array.from({ length: config.decoderDepth }, (_, i) => i)
          const seen = await own.detector.inspect(image, ["logits", "boxes", ...layers.map(attentionOf)])
          own.seen = seen
          const { logits, boxes } = seen.taps
          return {
            ...shown(image),
            size: [image.height, image.width],
            layers: layers.map((layer) => ({
              ...byQuery(queryDetections(logits?.data ?? [], boxes?.data ?? [], layer, config, [1, 1], -1)),
              nothing: Float64Array.from(
                { length: config.queries },
                (_, query) =>
                  answers(own, layer, query).find(({ index }) => index === config.classes)?.probability ?? 0,
              ),
            })),
            grid: [seen.within.rows, seen.within.columns],
          }
        },
        () => {
          gone = true
        },
      ),
    async looks(query) {
      const own = current()
      const { detector, seen } = own
      if (seen === undefined) throw new VitrineError("config", "no picture has been seen")
      const { config } = detector
      const { grid, within } = seen
      return Array.from({ length: config.decoderDepth }, (_, layer): Look => {
        const attention = (head: number | "mean"): Float32Array => {
          const weights = seen.taps[attentionOf(layer)]
          if (weights === undefined) throw new VitrineError("config", `layer ${layer} was not seen`)
          return queryAttention(weights, { grid, within, query, head }).values
        }
        return {
          mean: attention("mean"),
          heads: Array.from({ length: config.heads }, (_, head) => attention(head)),
          classes: answers(own, layer, query).slice(0, 5),
        }
      })
    },
  }
}

/** What a query takes its object for after a layer, the likeliest first; the class after all classes is no object. */
function answers({ detector, seen }: Held, layer: number, query: number): Prediction[] {
  const { config, labels } = detector
  const count = config.classes + 1
  const from = (layer * config.queries + query) * count
  const logits = Float32Array.from({ length: count }, (_, i) => Number(seen?.taps.logits?.data[from + i]))
  return topPredictions(logits, [...labels, ""], count)
}

/** Best first → by query. */
function byQuery({ boxes, labels, scores, queries }: QueryDetections): Omit<Layer, "nothing"> {
  const layer = {
    boxes: new Float64Array(boxes.length),
    labels: new Int32Array(labels.length),
    scores: new Float64Array(scores.length),
  }
  for (const [i, query] of queries.entries()) {
    layer.boxes.set(boxes.subarray(4 * i, 4 * i + 4), 4 * query)
    layer.labels[query] = labels[i] as number
    layer.scores[query] = scores[i] as number
  }
  return layer
}

function shown(image: Image): Pick<Sight, "pixels" | "width" | "height"> {
  const scale = Math.min(1, mostSide / Math.max(image.width, image.height))
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.round(scale * side)))
  const small = resizeImage(image, width as number, height as number, "bilinear", undefined, wasmPasses())
  return { pixels: colored(small), width: small.width, height: small.height }
}
