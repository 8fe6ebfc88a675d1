/**
 * The `preprocessor_config.json` of Hugging Face's models, in all of its ages:
 * https://github.com/huggingface/transformers/blob/main/src/transformers/image_processing_backends.py
 */
import { configError, shown } from "./errors.ts"
import type { ModelConfig } from "./families.ts"
import { type FieldReader, fieldReader, isObject, type Json } from "./fields.ts"
import type { Preprocessing } from "./preprocessing.ts"

type Pair = readonly [height: number, width: number]

interface Processor {
  /** Whether a bare count as `size` means a square; otherwise it is the shorter side. */
  readonly squares: boolean
  /** What holds unless the file says otherwise. */
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

/** By their names without `ImageProcessor`, or `FeatureExtractor` in old files. */
const processors: Readonly<Record<string, Processor>> = {
  ViT: { squares: true, defaults: vit },
  DeiT: { squares: true, defaults: deit },
  Bit: { squares: false, defaults: clip },
  CLIP: { squares: false, defaults: clip },
}

/** By Pillow's numbers. */
const filters = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"] as const

/** The fields of a file, with the processor's defaults for what is missing or null. */
interface Fields {
  readonly file: string
  readonly read: FieldReader
  readonly squares: boolean
  given(field: string): unknown
  flag(field: string, otherwise: boolean): boolean
}

/**
 * Reads a `preprocessor_config.json` for a model. The geometry is that of Pillow's resize and of the processors'
 * centre crop.
 * @param anySize whether the model takes images of other sizes than its own, as transformers runs DINOv2.
 * @throws VitrineError (config) for one that does not make images of the model's size, or that Vitrine cannot follow.
 */
export function fromPreprocessor(json: unknown, config: ModelConfig, file: string, anySize = false): Preprocessing {
  if (!isObject(json)) throw configError(file, `must hold an object, got ${shown(json)}`)
  const fields = fieldsOf(json, file)
  if (fields.flag("do_pad", false)) throw configError(file, "do_pad is true: Vitrine does not pad images")
  const resample = fields.given("resample")
  const interpolation = typeof resample === "number" ? filters[resample] : undefined
  if (interpolation === undefined)
    throw configError(
      file,
      `resample must be ${filters.map((name, i) => `${i} (${name})`).join(", ")}, got ${shown(resample)}`,
    )
  return { interpolation, ...geometry(fields, config.imageSize, anySize), ...normalization(fields, config) }
}

function fieldsOf(json: Json, file: string): Fields {
  const read = fieldReader(file)
  const field = json.image_processor_type == null ? "feature_extractor_type" : "image_processor_type"
  const name = read.string(field, json[field] ?? "ViTImageProcessor")
  const kind = name.replace(/(ImageProcessor(Fast|Pil)?|FeatureExtractor)$/, "")
  if (!Object.hasOwn(processors, kind)) {
    const known = Object.keys(processors).join(", ")
    throw configError(file, `${field} is ${shown(name)}: Vitrine has the image processors of ${known}`)
  }
  const { squares, defaults } = processors[kind] as Processor
  const given = (key: string): unknown => json[key] ?? defaults[key]
  return { file, read, squares, given, flag: (key, otherwise) => read.boolean(key, given(key) ?? otherwise) }
}

/** Images of the model's size stay as they are. */
const squash = { cropPct: 1, cropMode: "squash" } as const

function geometry(
  { file, read, squares, given, flag }: Fields,
  modelSize: Pair,
  anySize: boolean,
): Pick<Preprocessing, "size" | "cropPct" | "cropMode" | "resize"> {
  const takes = `the model takes ${modelSize.join("×")}`
  /** A size of images that the model is given. */
  const taken = (field: string, found: Pair): Pair => {
    if (!anySize && found.join() !== modelSize.join())
      throw configError(file, `${field} is ${found.join("×")}, but ${takes}`)
    return found
  }
  const crops = flag("do_center_crop", false)
  const cropped = crops ? taken("crop_size", sides(read, "crop_size", given("crop_size") ?? [...modelSize])) : modelSize
  // Neither resized nor cropped, images must have the model's size already.
  if (!flag("do_resize", true))
    return crops ? { size: cropped, cropPct: 1, cropMode: "center", resize: null } : { size: modelSize, ...squash }
  const target = resizeTarget(read, given("size") ?? [...modelSize], squares)
  if (crops) {
    const [height, width] = typeof target === "number" ? [target, target] : target
    const cropPct = Math.min(1, Math.max(0.1, Math.min(cropped[0] / height, cropped[1] / width)))
    return { size: cropped, cropPct, cropMode: typeof target === "number" ? "center" : "squash", resize: target }
  }
  if (typeof target === "number")
    throw configError(file, `size.shortest_edge without do_center_crop gives images of any shape, but ${takes}`)
  return { size: taken("size", target), ...squash }
}

/** A shortest side, or exactly [height, width]. */
function resizeTarget(read: FieldReader, size: unknown, squares: boolean): number | Pair {
  const shortest = isObject(size) ? size.shortest_edge : squares || Array.isArray(size) ? undefined : size
  if (shortest == null) return sides(read, "size", size)
  if (isObject(size) && size.longest_edge != null)
    read.oneOf("size", size, ["{ height, width }", "{ shortest_edge }", "a number of pixels"])
  return sides(read, "size.shortest_edge", shortest)[0]
}

/** A count for both sides, [height, width], or `{ height, width }`. */
function sides(read: FieldReader, field: string, value: unknown): Pair {
  const pair = read.pair(field, isObject(value) && "height" in value ? [value.height, value.width] : value)
  for (const side of pair) if (side < 1 || side > 16384) read.oneOf(field, value, ["1 to 16384 pixels"])
  return pair
}

/** `(byte · rescale_factor − mean) / std`, with mean and std in the units of `byte / 255`. */
function normalization(
  { file, read, given, flag }: Fields,
  { channels }: ModelConfig,
): Pick<Preprocessing, "mean" | "std"> {
  const factor = flag("do_rescale", true) ? read.number("rescale_factor", given("rescale_factor") ?? 1 / 255) : 1
  if (!(factor > 0)) throw configError(file, `rescale_factor must be above 0, got ${factor}`)
  const scale = Math.abs(255 * factor - 1) < 1e-12 ? 1 : 255 * factor
  const normalizes = flag("do_normalize", true)
  const values = (field: string, neutral: number): readonly number[] => {
    const value = normalizes ? given(field) : neutral
    return read.perChannel(field, typeof value === "number" ? [value] : value, channels).map((each) => each / scale)
  }
  const [mean, std] = [values("image_mean", 0), values("image_std", 1)]
  if (std.some((each) => each <= 0)) throw configError(file, `image_std must be above 0, got ${shown(std)}`)
  return { mean, std }
}
