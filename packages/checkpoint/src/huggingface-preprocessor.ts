/**
 * The `preprocessor_config.json` of Hugging Face's models, of all versions:
 * https://github.com/huggingface/transformers/blob/main/src/transformers/image_processing_backends.py
 */
import * as v from "valibot"
import { configError, shown } from "./errors.ts"
import { pillowFilters } from "./huggingface-filters.ts"
import { isObject, type Json } from "./json.ts"
import type { ModelConfig } from "./model-config.ts"
import { type Preprocessing, standardDeviations } from "./preprocessing.ts"
import { flag, number, object, pair, parse, perChannel, type Schema, text } from "./schema.ts"

type Pair = readonly [height: number, width: number]

interface Processor {
  /** Whether a number as `size` means both sides. Otherwise it is the shorter side. */
  readonly squares: boolean
  /** Whether images are resized as numbers (`resizePrecision` of `Preprocessing`), after rescaling. */
  readonly float?: true
  /** The values of fields that a file lacks. */
  readonly defaults: Json
}

const vit = { do_center_crop: false, resample: 2, image_mean: 0.5, image_std: 0.5 }
const deit = { do_center_crop: true, crop_size: 224, size: 256, resample: 3, image_mean: 0.5, image_std: 0.5 }
const clip = {
  ...deit,
  size: 224,
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
}

const dinov3 = {
  do_center_crop: false,
  size: 224,
  resample: 2,
  image_mean: [0.485, 0.456, 0.406],
  image_std: [0.229, 0.224, 0.225],
}

/** The processors by their names without the ending `ImageProcessor`, or `FeatureExtractor` in old files. */
const processors: ReadonlyMap<string, Processor> = new Map([
  ["ViT", { squares: true, defaults: vit }],
  ["DeiT", { squares: true, defaults: deit }],
  ["Bit", { squares: false, defaults: clip }],
  ["CLIP", { squares: false, defaults: clip }],
  ["DINOv3ViT", { squares: true, float: true, defaults: dinov3 }],
  ["Siglip", { squares: true, defaults: { ...vit, resample: 3 } }],
])

const nameSchema = object({ image_processor_type: v.nullish(text), feature_extractor_type: v.nullish(text) })

const schema = object({
  do_pad: v.nullish(flag, false),
  do_resize: v.nullish(flag, true),
  do_center_crop: v.nullish(flag, false),
  do_rescale: v.nullish(flag, true),
  do_normalize: v.nullish(flag, true),
  rescale_factor: v.nullish(number, 1 / 255),
  resample: v.nullish(v.unknown()),
  size: v.nullish(v.unknown()),
  crop_size: v.nullish(v.unknown()),
  image_mean: v.nullish(v.unknown()),
  image_std: v.nullish(v.unknown()),
})

/** The fields of a file. The processor's defaults replace missing and null ones. */
type Fields = v.InferOutput<typeof schema>

/**
 * Reads a `preprocessor_config.json` for a model. The geometry is that of Pillow's resize, or for DINOv3 of
 * torchvision's, and of the processors' centre crop.
 * @param anySize whether the model accepts images of other sizes, as DINOv2 does in transformers
 * @throws VitrineError (config) for a preprocessor that makes images of another size, or that Vitrine cannot follow
 */
export function fromPreprocessor(json: unknown, config: ModelConfig, file: string, anySize = false): Preprocessing {
  const { squares, float = false, defaults } = processorOf(json, file)
  const values = Object.entries(withoutNulls(parse(object({}), json, file)))
  const fields = parse(schema, { ...defaults, ...Object.fromEntries(values) }, file)
  if (fields.do_pad) throw configError(file, "do_pad is true: Vitrine does not pad images")
  const { resample } = fields
  const interpolation = typeof resample === "number" ? pillowFilters[resample] : undefined
  if (interpolation === undefined)
    throw configError(
      file,
      `resample must be ${pillowFilters.map((name, i) => `${i} (${name})`).join(", ")}, got ${shown(resample)}`,
    )
  const shape = geometry(fields, squares, config.imageSize, anySize, file)
  if (float) refuseBytes(fields, interpolation, file)
  return {
    interpolation,
    ...shape,
    ...(float && { resize: shape.resize === undefined ? shape.size : shape.resize, resizePrecision: "float" }),
    ...normalization(fields, config.channels, file),
  }
}

/** @throws VitrineError (config) for steps that torchvision takes on bytes, or that it does not have for numbers */
function refuseBytes({ do_rescale, do_resize }: Fields, filter: Preprocessing["interpolation"], file: string): void {
  if (!do_rescale)
    throw configError(file, "do_rescale is false: Vitrine has DINOv3's images as numbers alone, rescaled")
  if (do_resize && (filter === "box" || filter === "hamming"))
    throw configError(file, `resample is ${pillowFilters.indexOf(filter)} (${filter}), which torchvision does not have`)
}

/** Replaces null fields of a processor as transformers 5 does: a step becomes false, other fields get their defaults. */
export function withoutNulls(json: Json): Json {
  const values = Object.entries(json).map(([field, value]) => [
    field,
    value === null && field.startsWith("do_") ? false : value,
  ])
  return Object.fromEntries(values.filter(([, value]) => value !== null))
}

function processorOf(json: unknown, file: string): Processor {
  const { image_processor_type, feature_extractor_type } = parse(nameSchema, json, file)
  const name = image_processor_type ?? feature_extractor_type ?? "ViTImageProcessor"
  const processor = processors.get(name.replace(/(ImageProcessor(Fast|Pil)?|FeatureExtractor)$/, ""))
  if (processor !== undefined) return processor
  const field = image_processor_type == null ? "feature_extractor_type" : "image_processor_type"
  const names = [...processors.keys()].join(", ")
  throw configError(file, `${field} is ${shown(name)}: Vitrine has the image processors of ${names}`)
}

/** The geometry that does not change images of the model's size. */
const squash = { cropPct: 1, cropMode: "squash" } as const

function geometry(
  fields: Fields,
  squares: boolean,
  modelSize: Pair,
  anySize: boolean,
  file: string,
): Pick<Preprocessing, "size" | "cropPct" | "cropMode" | "resize" | "crop"> {
  const takes = `the model takes ${modelSize.join("×")}`
  /** Checks that the model accepts images of a size. */
  const accepted = (field: string, size: Pair): Pair => {
    if (anySize || size.join() === modelSize.join()) return size
    const uncropped = !fields.do_center_crop && fields.crop_size != null ? " (do_center_crop is false)" : ""
    throw configError(file, `${field} is ${size.join("×")}, but ${takes}${uncropped}`)
  }
  const crops = fields.do_center_crop
  const cropped = crops ? accepted("crop_size", sides("crop_size", fields.crop_size ?? modelSize, file)) : modelSize
  if (!fields.do_resize)
    return crops
      ? { size: cropped, cropPct: 1, cropMode: "center", resize: null }
      : { size: modelSize, ...squash, resize: null, crop: null }
  const target = resizeTarget(fields.size ?? modelSize, squares, file)
  if (crops) {
    const [height, width] = typeof target === "number" ? [target, target] : target
    const cropPct = Math.min(1, Math.max(0.1, Math.min(cropped[0] / height, cropped[1] / width)))
    return { size: cropped, cropPct, cropMode: typeof target === "number" ? "center" : "squash", resize: target }
  }
  if (typeof target === "number")
    throw configError(file, `size.shortest_edge without do_center_crop gives images of any shape, but ${takes}`)
  return { size: accepted("size", target), ...squash }
}

/** A shortest side, or the exact [height, width]. */
function resizeTarget(size: unknown, squares: boolean, file: string): number | Pair {
  const shortest = isObject(size) ? size.shortest_edge : squares || Array.isArray(size) ? undefined : size
  if (shortest == null) return sides("size", size, file)
  if (isObject(size) && size.longest_edge != null)
    throw configError(
      file,
      `size must be one of { height, width }, { shortest_edge }, a number of pixels, got ${shown(size)}`,
    )
  return sides("size.shortest_edge", shortest, file)[0]
}

/** A count for both sides, [height, width], or `{ height, width }`. */
function sides(field: string, value: unknown, file: string): Pair {
  const size = isObject(value) && value.height !== undefined ? [value.height, value.width] : value
  const [height, width] = parse(pair, size, file, field)
  if (Math.min(height, width) < 1 || Math.max(height, width) > 16384)
    throw configError(file, `${field} must be one of 1 to 16384 pixels, got ${shown(value)}`)
  return [height, width]
}

/** `(byte · rescale_factor − mean) / std`, with mean and std in the units of `byte / 255`. */
function normalization(fields: Fields, channels: number, file: string): Pick<Preprocessing, "mean" | "std"> {
  const factor = fields.do_rescale ? fields.rescale_factor : 1
  if (!(factor > 0)) throw configError(file, `rescale_factor must be above 0, got ${factor}`)
  const scale = Math.abs(255 * factor - 1) < 1e-12 ? 1 : 255 * factor
  const values = (schema: Schema<readonly number[]>, field: string, value: unknown): readonly number[] =>
    parse(schema, typeof value === "number" ? [value] : value, file, field).map((each) => each / scale)
  const { do_normalize: normalizes, image_mean, image_std } = fields
  return {
    mean: values(perChannel(channels), "image_mean", normalizes ? image_mean : 0),
    std: values(standardDeviations(channels), "image_std", normalizes ? image_std : 1),
  }
}
