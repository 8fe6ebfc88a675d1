/**
 * BiT's ResNets in the `config.json` of timm:
 * https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/resnetv2.py
 */
import type { BiTConfig } from "@vitrine/resnet"
import { configError, shown } from "./errors.ts"
import { fieldReader, type Json } from "./fields.ts"
import { checkedBiT, roundedMiddles, roundedWidth } from "./families.ts"

/** What the name alone tells timm: blocks of each stage, and the factor of all widths. */
const architectures: Readonly<Record<string, readonly [depths: readonly number[], factor: number]>> = {
  resnetv2_50x1_bit: [[3, 4, 6, 3], 1],
  resnetv2_50x3_bit: [[3, 4, 6, 3], 3],
  resnetv2_101x1_bit: [[3, 4, 23, 3], 1],
  resnetv2_101x3_bit: [[3, 4, 23, 3], 3],
  resnetv2_152x2_bit: [[3, 8, 36, 3], 2],
  resnetv2_152x4_bit: [[3, 8, 36, 3], 4],
}
const channels: readonly number[] = [256, 512, 1024, 2048]
const stemChannels = 64
/** timm's own, which a `config.json` cannot change. */
const epsilons = { groupNormEpsilon: 1e-5, weightEpsilon: 1e-8 } as const
const groups = 32

export const isBitArchitecture = (name: string): boolean => Object.hasOwn(architectures, name.split(".")[0] as string)

/** What timm is told of a model besides the number of its classes: stages that it leaves out are dropped from the end. */
export function describedBiT(config: BiTConfig): { readonly architecture: string; readonly model_args: Json } {
  const { widths, depths, stemWidth } = config
  const able = Object.entries(architectures).filter(([, [own]]) => depths.every((depth, stage) => depth === own[stage]))
  const alike = able.find(([, [, factor]]) => same(widths, channels.slice(0, widths.length), factor))
  const [architecture, [, factor]] = alike ?? able[0] ?? (["resnetv2_50x1_bit", [[], 1]] as const)
  return {
    architecture,
    model_args: {
      in_chans: config.channels,
      ...(!same(widths, channels, factor) && { channels: widths.map((width) => width / factor) }),
      ...(stemWidth !== stemChannels * factor && { stem_chs: stemWidth / factor }),
      ...(config.groups === 1 && { norm_layer: "groupnorm1" }),
    },
  }
}

const same = (widths: readonly number[], own: readonly number[], factor: number): boolean =>
  widths.length === own.length && widths.every((width, stage) => width === (own[stage] as number) * factor)

/** Properties of a model that timm cannot be given: it loads or computes it otherwise. */
export function bitBeyondTimm(config: BiTConfig): string[] {
  const { depths, widths, stemWidth, groups: own, groupNormEpsilon, weightEpsilon } = config
  const found: string[] = []
  if (!Object.values(architectures).some(([known]) => depths.every((depth, stage) => depth === known[stage])))
    found.push(`stages of ${depths.join(", ")} blocks`)
  const rounded = [stemWidth, ...widths].every((width) => roundedWidth(width) === width)
  if (!rounded || String(roundedMiddles(widths).middles) !== String(config.middles))
    found.push(`widths of ${[stemWidth, ...widths].join(", ")}`)
  if (own !== groups && own !== 1) found.push(`group norms of ${own} groups`)
  if (groupNormEpsilon !== epsilons.groupNormEpsilon) found.push(`group norms with ε = ${groupNormEpsilon}`)
  if (weightEpsilon !== epsilons.weightEpsilon) found.push(`weights standardised with ε = ${weightEpsilon}`)
  return found
}

/** Arguments that change the training alone, or that stand at the value which changes nothing. */
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
const readArgs: readonly string[] = ["channels", "stem_chs", "in_chans", "num_classes", "norm_layer"]
const norms: Readonly<Record<string, number>> = { groupnorm: groups, groupnormact: groups, groupnorm1: 1 }

/** The model as timm's fields describe it. */
export function bitOfTimm(json: Json, cfg: Json, args: Json, file: string): BiTConfig {
  const read = fieldReader(file)
  for (const [key, value] of Object.entries(args)) {
    if (value === null || readArgs.includes(key)) continue
    const accepted = neutral[key]
    if (accepted === undefined) throw configError(file, `model_args.${key} is not known to timm's ResNets of BiT's`)
    if (accepted !== "any" && !accepted.includes(value))
      throw configError(file, `model_args.${key} is ${shown(value)}: of ResNets Vitrine has BiT's alone`)
  }
  const [name = ""] = read.string("architecture", json.architecture).split(".")
  const [own, factor] = architectures[name] as (typeof architectures)[string]
  const inputSize =
    cfg.input_size === undefined ? undefined : read.counts("pretrained_cfg.input_size", cfg.input_size, 3)
  const list = args.channels ?? channels
  if (!Array.isArray(list) || list.length < 1)
    throw configError(file, `model_args.channels must be a list of widths, got ${shown(list)}`)
  const widths = list
    .map((width) => roundedWidth(read.number("model_args.channels", width) * factor))
    .slice(0, own.length)
  const norm = read.oneOf("model_args.norm_layer", args.norm_layer ?? "groupnorm", Object.keys(norms))
  return checkedBiT(file, {
    imageSize: inputSize === undefined ? [224, 224] : (inputSize.slice(1) as [number, number]),
    channels: read.number("model_args.in_chans", args.in_chans ?? inputSize?.[0] ?? 3),
    classes: read.number("num_classes", args.num_classes ?? json.num_classes ?? cfg.num_classes ?? 1000),
    stemWidth: roundedWidth(read.number("model_args.stem_chs", args.stem_chs ?? stemChannels) * factor),
    widths,
    ...roundedMiddles(widths),
    depths: own.slice(0, widths.length),
    groups: norms[norm] as number,
    ...epsilons,
  })
}
