import { VitrineError } from "@vitrine/core"
import { pillowFilters } from "./huggingface-filters.ts"
import type { Json } from "./json.ts"
import type { ModelConfig } from "./model-config.ts"
import type { Preprocessing } from "./preprocessing.ts"

/**
 * The `preprocessor_config.json` that prepares images in the same way.
 * @throws VitrineError (config) if no processor of transformers can
 */
export function toPreprocessor(
  preprocessing: Preprocessing,
  { channels }: Pick<ModelConfig, "channels">,
): { readonly preprocessor: Json; readonly notes: readonly string[] } {
  const { size, interpolation, mean, std, resizePrecision } = preprocessing
  const [height, width] = size
  const steps = geometry(preprocessing)
  const cropped = steps.crop !== undefined
  const sizes =
    steps.resize === null
      ? { do_resize: false }
      : {
          do_resize: true,
          size:
            typeof steps.resize === "number"
              ? { shortest_edge: steps.resize }
              : { height: steps.resize[0], width: steps.resize[1] },
          resample: pillowFilters.indexOf(interpolation),
        }
  const notes: string[] = []
  if (steps.crop === "even")
    notes.push(
      "where the middle of an image lies between two pixels, transformers begins its crop at the upper left one and this model at the even one",
    )
  if (channels === 1) notes.push("the model takes grey images: transformers' pipelines make coloured ones")
  return {
    preprocessor: {
      image_processor_type: processorFor(resizePrecision, cropped, steps.resize),
      do_convert_rgb: channels === 3,
      ...sizes,
      do_center_crop: cropped,
      ...(cropped && { crop_size: { height, width } }),
      do_rescale: true,
      rescale_factor: 1 / 255,
      do_normalize: true,
      image_mean: mean,
      image_std: std,
    },
    notes,
  }
}

function processorFor(precision: Preprocessing["resizePrecision"], cropped: boolean, resize: Steps["resize"]): string {
  if (precision === "float") return "DINOv3ViTImageProcessor"
  if (!cropped) return "ViTImageProcessor"
  return typeof resize === "number" ? "BitImageProcessor" : "DeiTImageProcessor"
}

interface Steps {
  /** The shorter side, the exact [height, width], or null for no resizing. */
  readonly resize: number | readonly [height: number, width: number] | null
  /** The rounding of a crop that begins between two pixels: down, or to the even one. */
  readonly crop?: "down" | "even"
}

function geometry({ size, cropPct, cropMode, resize }: Preprocessing): Steps {
  if (resize !== undefined) return String(resize) === String(size) ? { resize } : { resize, crop: "down" }
  const [height, width] = size
  const scaled = [Math.floor(height / cropPct), Math.floor(width / cropPct)] as const
  if (cropMode === "squash") {
    if (scaled.join() === size.join()) return { resize: size }
    const even = [scaled[0] - height, scaled[1] - width].some((rest) => rest % 4 === 3)
    return { resize: scaled, crop: even ? "even" : "down" }
  }
  if (cropMode === "center" && height === width) return { resize: scaled[0], crop: "even" }
  const step =
    cropMode === "border" ? "pads images to their border" : "cuts images that are not square out of the middle"
  throw new VitrineError(
    "config",
    `no image processor of transformers ${step}: give --crop-mode squash, or export to timm`,
  )
}
