import { VitrineError } from "@vitrine/core"

/** The tag of these configurations among those of other model families. */
const bitFamily = "bit"

/** A ResNet-v2 of "Big Transfer (BiT): General Visual Representation Learning" (Kolesnikov et al., 2020). */
export interface BiTConfig {
  /** Tells this configuration from those of other families. */
  readonly family: typeof bitFamily
  /** Height and width of the images, of any parity. */
  readonly imageSize: readonly [height: number, width: number]
  /** Channels of the images. */
  readonly channels: number
  /** Logits; 0 for a model that gives the pooled features. */
  readonly classes: number
  /** Channels after the root convolution. */
  readonly stemWidth: number
  /** Channels that each stage gives. */
  readonly widths: readonly number[]
  /** Channels in the middle of the blocks of each stage: a quarter of its width unless told. */
  readonly middles?: readonly number[]
  /** Blocks of each stage. */
  readonly depths: readonly number[]
  /** Groups of every group norm. */
  readonly groups: number
  readonly groupNormEpsilon: number
  /** ε of weight standardisation, `(w − mean) / √(variance + ε)`: Google's 1e-10; timm has 1e-8. */
  readonly weightEpsilon: number
}

/** Blocks of each stage by the number of layers. */
const depths = { 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3] } as const

/**
 * A checked configuration: what is left out is R50x1's at 224².
 * @throws VitrineError (config) for a model that cannot exist.
 */
export function bitConfig(fields: Partial<BiTConfig> = {}): BiTConfig {
  const config = {
    family: bitFamily,
    imageSize: [224, 224],
    channels: 3,
    classes: 1000,
    stemWidth: 64,
    widths: [256, 512, 1024, 2048],
    depths: depths[50],
    groups: 32,
    groupNormEpsilon: 1e-5,
    weightEpsilon: 1e-10,
    ...fields,
  } satisfies BiTConfig
  checkConfig(config)
  return config
}

const variantName = /^(?:BiT-)?R(50|101|152)x([1-9]\d?|0\.5)$/

/** Whether a name is that of a variant, such as `R50x1`. */
export const isBiTVariant = (name: string): boolean => variantName.test(name)

/**
 * A variant by its usual name, such as `bitVariant("R50x1")` or `bitVariant("R101x3", { classes: 21843 })`: the number of
 * layers, 50, 101 or 152, and the factor of the widths, which may be a half.
 * @throws VitrineError (config) for a name that is not one.
 */
export function bitVariant(name: string, fields: Partial<BiTConfig> = {}): BiTConfig {
  const [, layers, factor] = variantName.exec(name) ?? []
  if (layers === undefined)
    throw new VitrineError("config", `no variant "${name}": write R50, R101 or R152 and a width, as in "R50x1"`)
  const k = Number(factor)
  return bitConfig({
    stemWidth: 64 * k,
    widths: [256, 512, 1024, 2048].map((width) => width * k),
    depths: depths[Number(layers) as keyof typeof depths],
    ...fields,
  })
}

/**
 * The smallest and the largest value of each count; of lists, of each stage. Larger ones are a mistake or an attack.
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
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
      fail(`${field} must be an integer from ${least} to ${most}, got ${told(value)}`)
  }
  const { family, imageSize, widths, depths, stemWidth, groups } = config
  if (family !== bitFamily) fail(`family must be ${bitFamily}, got ${told(family)}`)
  if (!Array.isArray(imageSize) || imageSize.length !== 2)
    fail(`imageSize must be [height, width], got ${told(imageSize)}`)
  for (const side of imageSize) count("imageSize", side)
  count("channels", config.channels)
  count("classes", config.classes)
  for (const [field, list] of Object.entries({ widths, depths }))
    if (!Array.isArray(list) || list.length < 1 || list.length > bitRanges.stages[1])
      fail(`${field} must have a number for each of 1 to ${bitRanges.stages[1]} stages, got ${told(list)}`)
  if (widths.length !== depths.length)
    fail(`widths tells of ${widths.length} stages, but depths of ${depths.length}: there must be one of each a stage`)
  for (const depth of depths) count("depths", depth)
  count("groups", groups)
  count("stemWidth", stemWidth)
  if (stemWidth % groups !== 0) fail(`groups must divide stemWidth, but ${groups} do not divide ${stemWidth}`)
  const { middles } = config
  if (middles !== undefined && !(Array.isArray(middles) && middles.length === widths.length))
    fail(`middles must have a number for each of ${widths.length} stages, got ${told(middles)}`)
  for (const [stage, width] of widths.entries()) {
    count("widths", width)
    if (middles === undefined && width % (4 * groups) !== 0)
      fail(`groups must divide a quarter of each of widths, but ${groups} do not divide ${width} / 4`)
    const middle = middleOf(config, stage)
    count("middles", middle)
    for (const channels of [width, middle])
      if (channels % groups !== 0)
        fail(`groups must divide widths and middles, but ${groups} do not divide ${channels}`)
  }
  for (const field of ["groupNormEpsilon", "weightEpsilon"] as const)
    if (!(typeof config[field] === "number" && config[field] > 0 && config[field] < 1))
      fail(`${field} must be in (0, 1), got ${told(config[field])}`)
}

/** Channels in the middle of the blocks of a stage. */
export const middleOf = ({ widths, middles }: Pick<BiTConfig, "widths" | "middles">, stage: number): number =>
  middles?.[stage] ?? (widths[stage] as number) / 4

/** A value as a message shows it: text in quotes, and NaN as NaN. */
const told = (value: unknown): string => (typeof value === "number" ? String(value) : JSON.stringify(value))
