import type { Overrides } from "@vitrine/checkpoint"
import { activationNames } from "@vitrine/core"
import { cropModeNames, interpolations } from "@vitrine/data"
import type { Flags, Values } from "./flag.ts"
import { cropValue, integerValue, numbersValue, poolValue, positivesValue, positiveValue, sizeValue } from "./values.ts"

const images = "Images:"
const hints = "What weights without a config.json do not tell:"

/** Overrides of a model's preprocessing, and hints for weights without a `config.json`. The names are timm's. */
export const overrideFlags = {
  imageSize: {
    group: images,
    value: "<n|HxW>",
    help: "resizes the model's positions too; default: the model's",
    parse: sizeValue,
  },
  interpolation: {
    group: images,
    value: "<filter>",
    help: "default: the model's",
    choices: interpolations,
  },
  cropPct: {
    group: images,
    value: "<x>",
    help: "share of the image that is kept, 0.1 to 1; default: the model's",
    parse: cropValue,
  },
  cropMode: { group: images, value: "<how>", help: "default: the model's", choices: cropModeNames },
  mean: { group: images, value: "<r,g,b>", help: "of pixels in [0, 1]; default: the model's", parse: numbersValue },
  std: { group: images, value: "<r,g,b>", help: "of pixels in [0, 1]; default: the model's", parse: positivesValue },
  arch: {
    group: hints,
    value: "<name>",
    help: "timm's name of the model, where several have the same names of tensors",
  },
  numHeads: { group: hints, value: "<n>", help: "attention heads", parse: integerValue(1) },
  actLayer: {
    group: hints,
    value: "<name>",
    help: "activation of the MLPs",
    choices: activationNames,
  },
  normEps: { group: hints, value: "<x>", help: "ε of the layer norms", parse: positiveValue },
  globalPool: { group: hints, value: "<how>", help: "what the head reads: avg, token or map", parse: poolValue },
  numGroups: {
    group: hints,
    value: "<n>",
    help: "groups of the group norms of a ResNet",
    parse: integerValue(1),
  },
} as const satisfies Flags

export function overridesOf({
  arch: architecture,
  numHeads: heads,
  actLayer: activation,
  normEps: layerNormEpsilon,
  globalPool: pool,
  numGroups: groups,
  ...flags
}: Values<typeof overrideFlags>): Overrides {
  const { imageSize, interpolation, cropPct, cropMode, mean, std } = flags
  const images = { imageSize, interpolation, cropPct, cropMode, mean, std }
  return { ...images, architecture, heads, activation, layerNormEpsilon, pool, groups }
}
