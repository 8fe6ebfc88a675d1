import type { ModelDescription, ModelHints } from "./description.ts"
import { configError, inFile, shown } from "./errors.ts"
import { familyOf } from "./families/index.ts"
import { cropMode, cropPct, interpolation, type Preprocessing, standardDeviations } from "./preprocessing.ts"
import { object, pair, parse, perChannel } from "./schema.ts"

/**
 * Settings that replace those of a model's files. Hints are for weights without a `config.json`. Other files must agree
 * with them.
 */
export interface Overrides extends Omit<ModelHints, "imageSize"> {
  /** Height and width of the model's input, or one number for both. Position embeddings are resized to it. */
  readonly imageSize?: number | readonly [height: number, width: number] | undefined
  readonly interpolation?: Preprocessing["interpolation"] | undefined
  readonly cropPct?: number | undefined
  readonly cropMode?: Preprocessing["cropMode"] | undefined
  /** A value for each channel, or one for all. */
  readonly mean?: readonly number[] | undefined
  readonly std?: readonly number[] | undefined
}

/** The hints among overrides. */
export function hintsOf(overrides: Overrides): ModelHints {
  const { architecture, heads, activation, layerNormEpsilon, pool, groups, imageSize, mean, std } = overrides
  const size = typeof imageSize === "number" ? ([imageSize, imageSize] as const) : imageSize
  return { architecture, heads, activation, layerNormEpsilon, pool, groups, imageSize: size, mean, std }
}

/** Separates overrides from other options. */
export function splitOverrides<T extends Overrides>(
  options: T,
): [overrides: Overrides, others: Omit<T, keyof Overrides>] {
  const {
    architecture,
    heads,
    activation,
    layerNormEpsilon,
    pool,
    groups,
    imageSize,
    interpolation,
    cropPct,
    cropMode,
    mean,
    std,
    ...others
  } = options
  const hints = { architecture, heads, activation, layerNormEpsilon, pool, groups, imageSize }
  return [{ ...hints, interpolation, cropPct, cropMode, mean, std }, others]
}

/**
 * The model with another image size and other settings. `resizeWeights` makes its weights.
 * @param file the model's name in errors
 * @throws VitrineError (config) for settings that are invalid or that the model cannot have
 */
export function applyOverrides(description: ModelDescription, overrides: Overrides, file: string): ModelDescription {
  const { preprocessing } = description
  const family = familyOf(description.config)
  const { noun } = family.describe(description.config)
  const values = new Map(Object.entries(family.hints(description.config)))
  const { heads, activation, layerNormEpsilon, pool, groups } = overrides
  const hints = { heads, activation, layerNormEpsilon, pool, groups }
  for (const [hint, value] of Object.entries(hints)) {
    const actual = values.get(hint)
    if (value === undefined || value === actual) continue
    if (actual === undefined) throw configError(file, `a ${noun} has no ${hint} to be told`)
    throw configError(file, `the model has ${hint} ${shown(actual)}, not ${shown(value)}`)
  }
  const imageSize = parse(pair, overrides.imageSize ?? preprocessing.size, file, "imageSize")
  const config = inFile(file, () => family.config({ ...description.config, imageSize }))
  const fields = {
    interpolation: overrides.interpolation ?? preprocessing.interpolation,
    cropPct: overrides.cropPct ?? preprocessing.cropPct,
    cropMode: overrides.cropMode ?? preprocessing.cropMode,
    mean: overrides.mean ?? preprocessing.mean,
    std: overrides.std ?? preprocessing.std,
  }
  const { channels } = config
  const schema = object({
    interpolation,
    cropPct,
    cropMode,
    mean: perChannel(channels),
    std: standardDeviations(channels),
  })
  const { resize, crop, resizePrecision } = preprocessing
  const changed = { ...parse(schema, fields, file), ...(resizePrecision && { resizePrecision }), size: imageSize }
  // Hugging Face's geometry is for one size. For another size, `cropPct` and `cropMode` are the nearest equivalent.
  const sameSize = resize !== undefined && imageSize.join() === preprocessing.size.join()
  const sameCrop = overrides.cropPct === undefined && overrides.cropMode === undefined
  return {
    ...description,
    config,
    preprocessing: sameSize && sameCrop ? { ...changed, resize, ...(crop !== undefined && { crop }) } : changed,
  }
}
