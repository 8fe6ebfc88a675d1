/**
 * BiT's ResNets in timm's `config.json`:
 * https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/resnetv2.py
 */
import { type BiTConfig, bitConfig } from "@vitrine/resnet"
import * as v from "valibot"
import { configError, inFile, shown } from "../../errors.ts"
import { listOf, number, object, parse, rowOf } from "../../schema.ts"
import type { TimmFields, TimmFormat } from "../formats.ts"
import { roundedMiddles, roundedWidth } from "./widths.ts"

interface Architecture {
  readonly name: string
  /** The number of blocks of each stage. */
  readonly depths: readonly number[]
  /** The factor of all widths. */
  readonly factor: number
}

/** timm defines these models by their names alone. */
const architectures: readonly Architecture[] = [
  { name: "resnetv2_50x1_bit", depths: [3, 4, 6, 3], factor: 1 },
  { name: "resnetv2_50x3_bit", depths: [3, 4, 6, 3], factor: 3 },
  { name: "resnetv2_101x1_bit", depths: [3, 4, 23, 3], factor: 1 },
  { name: "resnetv2_101x3_bit", depths: [3, 4, 23, 3], factor: 3 },
  { name: "resnetv2_152x2_bit", depths: [3, 8, 36, 3], factor: 2 },
  { name: "resnetv2_152x4_bit", depths: [3, 8, 36, 3], factor: 4 },
]
const base: Architecture = { name: "resnetv2_50x1_bit", depths: [], factor: 1 }
const channels: readonly number[] = [256, 512, 1024, 2048]
const stemChannels = 64
/** timm's ε. A `config.json` cannot change them. */
const epsilons = { groupNormEpsilon: 1e-5, weightEpsilon: 1e-8 } as const
const groups = 32

export const timm: TimmFormat<BiTConfig> = {
  has: (name) => architectures.some((each) => each.name === name),
  read: readTimm,
  write(config) {
    const { widths, depths, stemWidth } = config
    const candidates = architectures.filter((each) => begins(each.depths, depths))
    // timm drops stages from the end.
    const closest = candidates.find(({ factor }) => scaled(channels.slice(0, widths.length), factor, widths))
    const { name, factor } = closest ?? candidates[0] ?? base
    return {
      architecture: name,
      num_features: widths.at(-1) ?? 0,
      global_pool: "avg",
      model_args: {
        in_chans: config.channels,
        ...(!scaled(channels, factor, widths) && { channels: widths.map((width) => width / factor) }),
        ...(stemWidth !== stemChannels * factor && { stem_chs: stemWidth / factor }),
        ...(config.groups === 1 && { norm_layer: "groupnorm1" }),
      },
      pretrained_cfg: { fixed_input_size: false, first_conv: "stem.conv", classifier: "head.fc" },
    }
  },
  beyond(config) {
    const { depths, widths, stemWidth, groupNormEpsilon, weightEpsilon } = config
    const features: string[] = []
    if (!architectures.some((each) => begins(each.depths, depths)))
      features.push(`stages of ${depths.join(", ")} blocks`)
    const rounded = [stemWidth, ...widths].every((width) => roundedWidth(width) === width)
    if (!rounded || String(roundedMiddles(widths).middles) !== String(config.middles))
      features.push(`widths of ${[stemWidth, ...widths].join(", ")}`)
    if (config.groups !== groups && config.groups !== 1) features.push(`group norms of ${config.groups} groups`)
    if (groupNormEpsilon !== epsilons.groupNormEpsilon) features.push(`group norms with ε = ${groupNormEpsilon}`)
    if (weightEpsilon !== epsilons.weightEpsilon) features.push(`weights standardised with ε = ${weightEpsilon}`)
    return features
  },
  nearest(config) {
    const { weightEpsilon } = epsilons
    const note = `timm standardises weights with ε = ${weightEpsilon}, this model with ${config.weightEpsilon}: logits differ a little`
    return { config: { ...config, weightEpsilon }, notes: config.weightEpsilon === weightEpsilon ? [] : [note] }
  },
}

/** Whether a list begins with these numbers. */
const begins = (list: readonly number[], numbers: readonly number[]): boolean =>
  numbers.every((each, i) => each === list[i])

/** Whether widths equal these channels times a factor. */
const scaled = (list: readonly number[], factor: number, widths: readonly number[]): boolean =>
  list.map((each) => each * factor).join() === widths.join()

/**
 * Arguments that Vitrine accepts only with the value that changes nothing, or with any value if they affect only
 * training.
 */
const neutral: Readonly<Record<string, readonly unknown[] | "any">> = {
  drop_rate: "any",
  drop_path_rate: "any",
  zero_init_last: "any",
  output_stride: [32],
  global_pool: ["avg"],
  avg_down: [false],
  preact: [true],
  basic: [false],
  bottle_ratio: [0.25],
  act_layer: ["relu"],
}

const model_args = {
  channels: v.nullish(v.pipe(listOf(number), v.minLength(1, "a list of widths"))),
  stem_chs: v.nullish(number),
  in_chans: v.nullish(number),
  num_classes: v.nullish(number),
  norm_layer: v.nullish(
    rowOf(
      new Map([
        ["groupnorm", groups],
        ["groupnormact", groups],
        ["groupnorm1", 1],
      ]),
    ),
  ),
}
const argsSchema = object(model_args)

/** The paths of a configuration's fields in a `config.json`. "" is for all other fields. */
const paths = {
  channels: "model_args.in_chans",
  classes: "num_classes",
  stemWidth: "model_args.stem_chs",
  widths: "model_args.channels",
  middles: "model_args.channels",
  "": "model_args",
}

function readTimm(fields: TimmFields, file: string): BiTConfig {
  const { architecture, pretrained } = fields
  for (const [key, value] of Object.entries(fields.model_args)) {
    if (value === null || Object.hasOwn(model_args, key)) continue
    const accepted = Object.hasOwn(neutral, key) ? neutral[key] : undefined
    if (accepted === undefined) throw configError(file, `model_args.${key} is not known to timm's ResNets of BiT's`)
    if (accepted !== "any" && !accepted.includes(value))
      throw configError(file, `model_args.${key} is ${shown(value)}: of ResNets Vitrine has BiT's alone`)
  }
  const row = architectures.find((each) => each.name === architecture)
  if (row === undefined) throw new Error(`${architecture} is not in the table`)
  const { depths, factor } = row
  const args = parse(argsSchema, fields.model_args, file, "model_args")
  const [inputs = 3, height = 224, width = 224] = pretrained.input_size ?? []
  const widths = (args.channels ?? channels).map((each) => roundedWidth(each * factor)).slice(0, depths.length)
  const config = {
    imageSize: [height, width] as const,
    channels: args.in_chans ?? inputs,
    classes: args.num_classes ?? fields.num_classes ?? pretrained.num_classes ?? 1000,
    stemWidth: roundedWidth((args.stem_chs ?? stemChannels) * factor),
    widths,
    ...roundedMiddles(widths),
    depths: depths.slice(0, widths.length),
    groups: args.norm_layer ?? groups,
    ...epsilons,
  }
  return inFile(file, () => bitConfig(config), paths)
}
