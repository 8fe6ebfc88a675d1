import { configError, shown } from "./errors.ts"
import { checkedModel, isBiT, type ModelConfig } from "./families.ts"
import { fieldReader } from "./fields.ts"
import type { ModelHints } from "./statedict.ts"
import type { ModelDescription } from "./timm.ts"

const interpolations = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] as const
const cropModes = ["center", "squash", "border"] as const

/** What stands between an image file and the model's input. */
export interface Preprocessing {
  /** Height and width of the images that the model is given, in pixels. */
  readonly size: readonly [height: number, width: number]
  readonly interpolation: (typeof interpolations)[number]
  /** Share of the resized image's side that the crop keeps: the image is resized to `size / cropPct` first. */
  readonly cropPct: number
  /**
   * `center`: the shorter side is resized and the middle cut out; `squash`: both sides are resized, whatever their
   * ratio; `border`: the longer side is resized and the rest padded.
   */
  readonly cropMode: (typeof cropModes)[number]
  /**
   * Hugging Face's own geometry, which then stands for `cropPct` and `cropMode`: the image is resized so that its
   * shorter side has a length, or to exactly [height, width], or not at all (null); the middle is cut out, and where
   * that lies between two pixels the upper and left one begins it. timm's takes the even one.
   */
  readonly resize?: number | readonly [height: number, width: number] | null
  /** A value a channel, of pixels in [0, 1]. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

type Field = Exclude<keyof Preprocessing, "size" | "resize">

/** Fields from outside, for a model; `names` are theirs in errors. */
export function checkPreprocessing(
  fields: Readonly<Record<Field, unknown>>,
  { imageSize, channels }: Pick<ModelConfig, "imageSize" | "channels">,
  file: string,
  names: Readonly<Record<Field, string>>,
): Preprocessing {
  const read = fieldReader(file)
  const cropPct = read.number(names.cropPct, fields.cropPct)
  if (!(cropPct >= 0.1 && cropPct <= 1))
    throw configError(file, `${names.cropPct} must be from 0.1 to 1, got ${cropPct}`)
  const mean = read.perChannel(names.mean, fields.mean, channels)
  const std = read.perChannel(names.std, fields.std, channels)
  if (std.some((value) => value <= 0)) throw configError(file, `${names.std} must be above 0, got ${shown(std)}`)
  return {
    size: imageSize,
    interpolation: read.oneOf(names.interpolation, fields.interpolation, interpolations),
    cropPct,
    cropMode: read.oneOf(names.cropMode, fields.cropMode, cropModes),
    mean,
    std,
  }
}

/** What may be other than a model's folder says, and what it may not say: `ModelHints`, which must agree with what it says. */
export interface Overrides extends Omit<ModelHints, "imageSize"> {
  /** Height and width of the model's input, or both in one: its position embeddings are resized as its origin does. */
  readonly imageSize?: number | readonly [height: number, width: number] | undefined
  readonly interpolation?: Preprocessing["interpolation"] | undefined
  readonly cropPct?: number | undefined
  readonly cropMode?: Preprocessing["cropMode"] | undefined
  /** A value a channel, or one for all. */
  readonly mean?: readonly number[] | undefined
  readonly std?: readonly number[] | undefined
}

/** What is told of a model besides how it is fed. */
export function hintsOf({ imageSize, ...overrides }: Overrides): ModelHints {
  const size = typeof imageSize === "number" ? ([imageSize, imageSize] as const) : imageSize
  return { ...pick(overrides, hints), imageSize: size }
}

const hints = ["heads", "activation", "layerNormEpsilon", "pool", "groups"] as const
const ofImages = ["imageSize", "interpolation", "cropPct", "cropMode", "mean", "std"] as const

/** Overrides apart from the options that they are given among. */
export function splitOverrides<T extends Overrides>(
  options: T,
): [overrides: Overrides, others: Omit<T, keyof Overrides>] {
  const names = [...hints, ...ofImages]
  const others = Object.entries(options).filter(([name]) => !(names as readonly string[]).includes(name))
  return [pick(options, names), Object.fromEntries(others) as Omit<T, keyof Overrides>]
}

const pick = <T extends object, K extends keyof T>(from: T, names: readonly K[]): Pick<T, K> =>
  Object.fromEntries(names.map((name) => [name, from[name]])) as Pick<T, K>

const ownNames = { interpolation: "interpolation", cropPct: "cropPct", cropMode: "cropMode", mean: "mean", std: "std" }

/**
 * The model at the size of its images, with other settings in place of its own. `resizeWeights` makes the weights that
 * belong to it.
 * @param file names the model in errors.
 * @throws VitrineError (config) for settings that make no sense, or that the model cannot have.
 */
export function applyOverrides(description: ModelDescription, overrides: Overrides, file: string): ModelDescription {
  const { config: own, preprocessing } = description
  const { imageSize = preprocessing.size, interpolation, cropPct, cropMode, mean, std } = overrides
  const given = { interpolation, cropPct, cropMode, mean, std }
  const fieldsOf: Readonly<Record<string, unknown>> = isBiT(own) ? { ...own } : { ...own, groups: own.stem?.groups }
  for (const [field, value] of Object.entries(pick(overrides, hints)))
    if (value !== undefined && value !== fieldsOf[field])
      throw configError(
        file,
        fieldsOf[field] === undefined
          ? `a ${isBiT(own) ? "ResNet" : "Vision Transformer without a ResNet before it"} has no ${field} to be told`
          : `the model has ${field} ${shown(fieldsOf[field])}, not ${shown(value)}`,
      )
  const config = checkedModel(file, { ...own, imageSize: fieldReader(file).pair("imageSize", imageSize) })
  const changes = Object.entries(given).filter(([, value]) => value !== undefined)
  const fields = { ...preprocessing, ...Object.fromEntries(changes) }
  const changed = checkPreprocessing(fields, config, file, ownNames)
  const { resize } = preprocessing
  // Hugging Face's geometry is for one size; with another, `cropPct` and `cropMode` say what is nearest to it.
  const keeps = resize !== undefined && config.imageSize.join() === preprocessing.size.join()
  const replaced = given.cropPct !== undefined || given.cropMode !== undefined
  return { ...description, config, preprocessing: keeps && !replaced ? { ...changed, resize } : changed }
}
