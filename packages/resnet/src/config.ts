import { hasRow, showValue, VitrineError } from "@vitrine/core"

/** The family of these configurations. */
const bitFamily = "bit"

/** A ResNet-v2 of "Big Transfer (BiT): General Visual Representation Learning" (Kolesnikov et al., 2020). */
export interface BiTConfig {
  /** Marks this configuration, since other families of models have others. */
  readonly family: typeof bitFamily
  /** Height and width of the images. They may be odd. */
  readonly imageSize: readonly [height: number, width: number]
  /** Channels of the images. */
  readonly channels: number
  /** The number of logits; 0 for a model that returns the pooled features. */
  readonly classes: number
  /** Channels after the root convolution. */
  readonly stemWidth: number
  /** Channels of the output of each stage. */
  readonly widths: readonly number[]
  /** Channels in the middle of the blocks of each stage. The default is a quarter of the stage's width. */
  readonly middles?: readonly number[]
  /** The number of blocks of each stage. */
  readonly depths: readonly number[]
  /** The number of groups of every group norm. */
  readonly groups: number
  readonly groupNormEpsilon: number
  /**
   * ε of weight standardisation, `(w − mean) / √(variance + ε)`. The default is 1e-10, as in Google's code. timm has
   * 1e-8.
   */
  readonly weightEpsilon: number
}

/** The number of blocks of each stage, by the name of the depth. */
const depthsOf = { R50: [3, 4, 6, 3], R101: [3, 4, 23, 3], R152: [3, 8, 36, 3] } as const

/**
 * Checks a configuration. The default is R50x1 at 224².
 * @throws VitrineError (config) for an impossible configuration
 */
export function bitConfig(fields: Partial<BiTConfig> = {}): BiTConfig {
  const config = {
    family: bitFamily,
    imageSize: [224, 224],
    channels: 3,
    classes: 1000,
    stemWidth: 64,
    widths: [256, 512, 1024, 2048],
    depths: depthsOf.R50,
    groups: 32,
    groupNormEpsilon: 1e-5,
    weightEpsilon: 1e-10,
    ...fields,
  } satisfies BiTConfig
  checkConfig(config)
  return config
}

const variantName = /^(?:BiT-)?(R50|R101|R152)x([1-9]\d?|0\.5)$/

/** Whether a variant has this name, such as `R50x1`. */
export const isBiTVariant = (name: string): boolean => variantName.test(name)

/**
 * A variant by its usual name, such as `bitVariant("R50x1")` or `bitVariant("R101x3", { classes: 21843 })`. The name
 * holds the number of layers, 50, 101 or 152, and the factor of the widths, a whole number or 0.5.
 * @throws VitrineError (config) for another name
 */
export function bitVariant(name: string, fields: Partial<BiTConfig> = {}): BiTConfig {
  const [, depth, factor] = variantName.exec(name) ?? []
  if (!hasRow(depthsOf, depth))
    throw new VitrineError("config", `no variant "${name}": write R50, R101 or R152 and a width, as in "R50x1"`)
  const k = Number(factor)
  return bitConfig({
    stemWidth: 64 * k,
    widths: [256, 512, 1024, 2048].map((width) => width * k),
    depths: depthsOf[depth],
    ...fields,
  })
}

/**
 * The smallest and the largest value of each count, and of each stage's count in lists. They refuse mistakes and
 * attacks.
 */
export const bitRanges = {
  imageSize: [1, 16384],
  channels: [1, 1024],
  classes: [0, 4194304],
  stemWidth: [1, 131072],
  widths: [1, 131072],
  middles: [1, 131072],
  depths: [1, 1024],
  groups: [1, 131072],
  stages: [1, 16],
} as const

function checkConfig(config: BiTConfig): void {
  const fail = (message: string): never => {
    throw new VitrineError("config", message)
  }
  const count = (field: Exclude<keyof typeof bitRanges, "stages">, value: unknown): void => {
    const [least, most] = bitRanges[field]
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most)
      fail(`${field} must be an integer from ${least} to ${most}, got ${showValue(value)}`)
  }
  const { family, imageSize, widths, depths, stemWidth, groups } = config
  if (family !== bitFamily) fail(`family must be ${bitFamily}, got ${showValue(family)}`)
  if (!Array.isArray(imageSize) || imageSize.length !== 2)
    fail(`imageSize must be [height, width], got ${showValue(imageSize)}`)
  for (const side of imageSize) count("imageSize", side)
  count("channels", config.channels)
  count("classes", config.classes)
  for (const [field, list] of Object.entries({ widths, depths }))
    if (!Array.isArray(list) || list.length < 1 || list.length > bitRanges.stages[1])
      fail(`${field} must have a number for each of 1 to ${bitRanges.stages[1]} stages, got ${showValue(list)}`)
  if (widths.length !== depths.length)
    fail(`widths tells of ${widths.length} stages, but depths of ${depths.length}: there must be one of each a stage`)
  for (const depth of depths) count("depths", depth)
  count("groups", groups)
  count("stemWidth", stemWidth)
  if (stemWidth % groups !== 0) fail(`groups must divide stemWidth, but ${groups} do not divide ${stemWidth}`)
  const { middles } = config
  if (middles !== undefined && !(Array.isArray(middles) && middles.length === widths.length))
    fail(`middles must have a number for each of ${widths.length} stages, got ${showValue(middles)}`)
  for (const { width, middle } of stagesOf(config)) {
    count("widths", width)
    if (middles === undefined && width % (4 * groups) !== 0)
      fail(`groups must divide a quarter of each of widths, but ${groups} do not divide ${width} / 4`)
    count("middles", middle)
    for (const channels of [width, middle])
      if (channels % groups !== 0)
        fail(`groups must divide widths and middles, but ${groups} do not divide ${channels}`)
  }
  for (const field of ["groupNormEpsilon", "weightEpsilon"] as const)
    if (!(typeof config[field] === "number" && config[field] > 0 && config[field] < 1))
      fail(`${field} must be in (0, 1), got ${showValue(config[field])}`)
}

/** A stage of blocks. */
interface Stage {
  /** The channels of its output, and the channels in the middle of its blocks. */
  readonly width: number
  readonly middle: number
  /** The number of blocks. */
  readonly depth: number
}

export const stagesOf = ({ widths, middles, depths }: Pick<BiTConfig, "widths" | "middles" | "depths">): Stage[] =>
  widths.map((width, i) => ({ width, middle: middles?.[i] ?? width / 4, depth: depths[i] ?? 0 }))
