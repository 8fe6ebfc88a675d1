import { encodeModelChunks, mostInline, toFloat16, toOnnx, valueBytes } from "@vitrine/backend-onnx"
import type { DetectorPreprocessing, Overrides } from "@vitrine/checkpoint"
import { type Graph, graph, ops, rootScope, VitrineError } from "@vitrine/core"
import type { Size } from "@vitrine/data"
import { backboneImageSize, type DetrConfig, detr, detrChannels, lastLayer } from "@vitrine/detection"
import type { ExportPrecision } from "../../export.ts"

/** A detector with its weights in memory. */
export interface DetectorToExport {
  readonly config: DetrConfig
  readonly labels: readonly string[] | null
  readonly preprocessing: DetectorPreprocessing
  readonly values: Readonly<Record<string, Float32Array>>
}

/**
 * A detector as one ONNX file, in pieces, for images of one size without padding. Its names are those of transformers:
 * `pixel_values` `[batch, channels, height, width]` → `logits` `[batch, queries, classes + 1]` and `pred_boxes`
 * `[batch, queries, 4]`, which are cx, cy, w, h as shares of the image. Labels and preprocessing are in
 * `metadata_props`.
 * @param imageSize height and width, or one number for both; `exportedSize` by default
 * @throws VitrineError (config) for int8, and for weights that float16 cannot hold or of more than 2 GiB
 */
export function detectorOnnx(
  { config, labels, preprocessing, values }: DetectorToExport,
  imageSize: Overrides["imageSize"],
  precision: ExportPrecision = "float32",
): readonly Uint8Array[] {
  if (precision === "int8")
    throw new VitrineError("config", "a detector is exported in float32 or float16: int8 is for classifiers")
  const side = typeof imageSize === "number" ? ([imageSize, imageSize] as const) : imageSize
  const size = side ?? exportedSize(config, preprocessing)
  const plain = toOnnx(detectorGraph(config, size), { portable: true, constants: values })
  const model = precision === "float16" ? toFloat16(plain) : plain
  if (valueBytes(model) > mostInline)
    throw new VitrineError("config", "weights of more than 2 GiB do not fit into one ONNX file")
  const { mean, std, interpolation = "bilinear" } = preprocessing
  const metadata = {
    ...(labels && { labels: JSON.stringify(labels) }),
    preprocessing: JSON.stringify({ size, interpolation, mean, std }),
  }
  return encodeModelChunks(model, { metadata })
}

/**
 * The usual size of a detector's images: the only one that its backbone accepts, or that of its run, or an aspect ratio
 * of 3 to 4.
 */
export function exportedSize({ backbone }: DetrConfig, preprocessing: DetectorPreprocessing): Size {
  const { shortest, within, resize, padSize } = preprocessing
  const only = backboneImageSize(backbone)
  if (only !== undefined) return only
  if (padSize !== undefined) return padSize
  if (resize) return resize.size
  if (shortest === Math.min(...within)) return within
  return [shortest, Math.min(within[1], Math.round((shortest * 4) / 3))]
}

function detectorGraph(config: DetrConfig, size: Size): Graph {
  const pixels = ops.input("pixel_values", ["batch", detrChannels(config), ...size])
  const { logits, boxes } = detr(rootScope(), ops.transpose(pixels, [0, 2, 3, 1]), config)
  return graph({ outputs: { logits: lastLayer(logits), pred_boxes: lastLayer(boxes) } })
}
