import type { ModelHints, Overrides, Preprocessing } from "@vitrine/checkpoint"
import { type Activation, activationNames } from "@vitrine/core"
import { type Command, Option } from "commander"
import { cropValue, integerValue, numbersValue, poolValue, positivesValue, positiveValue, sizeValue } from "./values.ts"

export function backend(): Option {
  return new Option("--backend <name>", "what computes; auto takes the fastest that loads")
    .choices([
      "auto",
      "webgpu",
      "onnx",
      "onnx-cuda",
      "onnx-web",
      "node-gpu",
      "node-cpu",
      "tfjs",
      "tfjs-cpu",
      "reference",
    ])
    .default("auto")
}

export function precision(): Option {
  return new Option(
    "--precision <dtype>",
    "bfloat16: factors of products, on node-gpu and node-cpu; float16: storage, on webgpu",
  )
    .choices(["float32", "bfloat16", "float16"])
    .default("float32")
}

/** What the flags of a command say of the engine. */
export interface EngineFlags {
  readonly threads?: number
  readonly precision?: "float32" | "bfloat16" | "float16"
}

export const engineOptions = ({ threads, precision }: EngineFlags): EngineFlags => ({
  ...(threads === undefined ? {} : { threads }),
  ...(precision === undefined ? {} : { precision }),
})

export function threads(): Option {
  return new Option("--threads <n>", "threads of the backend; default: all cores").argParser(integerValue(1))
}

const interpolations: readonly Preprocessing["interpolation"][] = [
  "nearest",
  "box",
  "bilinear",
  "hamming",
  "bicubic",
  "lanczos",
]
const cropModes: readonly Preprocessing["cropMode"][] = ["center", "squash", "border"]

/** What the flags of `addOverrides` give. */
export interface OverrideFlags extends Pick<Overrides, (typeof ofImages)[number]> {
  readonly numHeads?: number
  readonly actLayer?: Activation
  readonly normEps?: number
  readonly globalPool?: ModelHints["pool"]
  readonly numGroups?: number
}

const hints = ["numHeads", "actLayer", "normEps", "globalPool", "numGroups"] as const
const ofImages = ["imageSize", "interpolation", "cropPct", "cropMode", "mean", "std"] as const

/** All flags of `OverrideFlags`. */
export const overrideFlags: readonly (keyof OverrideFlags)[] = [...ofImages, ...hints]

/** Flags for what a model's folder says of its images, or does not say of itself; their names are timm's. */
export function addOverrides(command: Command): Command {
  const options = [
    new Option("--image-size <n|HxW>", "resizes the model's positions too; default: the model's").argParser(sizeValue),
    new Option("--interpolation <filter>", "default: the model's").choices(interpolations),
    new Option("--crop-pct <x>", "share of the image that is kept, 0.1 to 1; default: the model's").argParser(
      cropValue,
    ),
    new Option("--crop-mode <how>", "default: the model's").choices(cropModes),
    new Option("--mean <r,g,b>", "of pixels in [0, 1]; default: the model's").argParser(numbersValue),
    new Option("--std <r,g,b>", "of pixels in [0, 1]; default: the model's").argParser(positivesValue),
  ]
  const untold = [
    new Option("--num-heads <n>", "attention heads").argParser(integerValue(1)),
    new Option("--act-layer <name>", "activation of the MLPs").choices(activationNames),
    new Option("--norm-eps <x>", "ε of the layer norms").argParser(positiveValue),
    new Option("--global-pool <how>", "what the head reads: avg, token or map").argParser(poolValue),
    new Option("--num-groups <n>", "groups of the group norms of a ResNet").argParser(integerValue(1)),
  ]
  for (const option of options) command.addOption(option.helpGroup("Images:"))
  for (const option of untold) command.addOption(option.helpGroup("What weights without a config.json do not tell:"))
  return command
}

/** What the flags of a command say of a model and its images. */
export function overridesOf(flags: OverrideFlags): Overrides {
  const { imageSize, interpolation, cropPct, cropMode, mean, std } = flags
  const {
    numHeads: heads,
    actLayer: activation,
    normEps: layerNormEpsilon,
    globalPool: pool,
    numGroups: groups,
  } = flags
  const images = { imageSize, interpolation, cropPct, cropMode, mean, std }
  return { ...images, heads, activation, layerNormEpsilon, pool, groups }
}

/** Whether a detector's backbone is dilated, by facebookresearch's name. */
export function dilation(): Option {
  return new Option("--dilation", "of a detector's weights without a config.json: DC5, whose last stage is dilated")
}

/** Commands and what they do, as a block of help. */
export function examples(...lines: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length))
  const shown = lines.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`.trimEnd())
  return `\nExamples:\n${shown.join("\n")}\n`
}
