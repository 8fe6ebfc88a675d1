import { initSchemes, positionKinds } from "@vitrine/core"
import { distillationNames } from "@vitrine/trainer"
import { bestNames, type Recipe } from "vitrine"
import { augmentationNames, augmentationValue } from "./augmentations.ts"
import { columnFlags } from "../../flags/columns.ts"
import type { Flags, Values } from "../../flags/flag.ts"
import { groups, modelFlags, type TrainValues } from "../../flags/train.ts"
import {
  countsValue,
  fractionValue,
  integerValue,
  namesValue,
  nonNegativeValue,
  poolValue,
  positiveValue,
  shareValue,
  unitValue,
} from "../../flags/values.ts"

const { run, model, training } = groups

/** The flags of `train` that image classifiers accept. */
export const flags = {
  ...modelFlags,
  arch: {
    group: run,
    value: "<name>",
    help: "timm's name of --from's model, if several models have the same names of tensors",
  },
  classes: {
    group: run,
    value: "<a,b,…>",
    help: "train on some of the data's classes; default: all",
    parse: namesValue,
  },
  perClass: {
    group: run,
    value: "<n>",
    help: "the number of training images of each class; the seed chooses them; default: all",
    parse: integerValue(1),
  },
  best: {
    group: run,
    value: "<figure>",
    help: "the score on the validation images that chooses the checkpoint to publish; last publishes the last one; default: top1, or last with few validation images",
    choices: bestNames,
  },
  strict: { group: run, help: "end at the first image that cannot be read", resumable: true },
  fileColumn: { group: run, ...columnFlags.fileColumn },
  labelColumn: { group: run, ...columnFlags.labelColumn },
  split: {
    group: run,
    value: "<name>",
    help: "of Parquet files: the split to train on, if it is not called train",
  },
  order: {
    group: run,
    value: "<order>",
    help: "the order of shuffled epochs: exact, windowed or windowed:ROWSxBLOCKS; default: exact, or windowed if images are compressed together",
  },
  model: {
    group: model,
    value: "<variant>",
    help: "SIZE/PATCH, such as Ti/16: Ti, S, B, L, H, g, G; a hybrid, such as R+Ti/16; or a ResNet: R50x1, R101x3, R50x0.5, …; or timm's name, such as vit_tiny_patch16_224. It starts at random; a trained model is --from",
  },
  widths: {
    group: model,
    value: "<n,m,…>",
    help: "the widths of a ResNet's stages; default: 256,512,1024,2048",
    parse: countsValue,
  },
  depths: {
    group: model,
    value: "<n,m,…>",
    help: "the number of blocks of each ResNet stage; default: 3,4,6,3",
    parse: countsValue,
  },
  stemWidth: {
    group: model,
    value: "<n>",
    help: "the width of a ResNet's first convolution; default: 64",
    parse: integerValue(1),
  },
  groups: {
    group: model,
    value: "<n>",
    help: "the number of groups of a ResNet's group norms; default: 32",
    parse: integerValue(1),
  },
  pool: {
    group: model,
    alias: "--global-pool",
    value: "<how>",
    help: "what the head reads: avg, token or map",
    parse: poolValue,
  },
  positions: { group: model, value: "<how>", help: "the kind of positions", choices: [...positionKinds, "rotary"] },
  stochasticDepth: {
    group: model,
    value: "<rate>",
    help: "the rate at the last block; default: 0",
    parse: fractionValue,
  },
  init: {
    group: model,
    value: "<scheme>",
    help: "how parameters start; default: fan",
    choices: initSchemes,
  },
  layerDecay: {
    group: training,
    value: "<x>",
    help: "each layer's learning rate is x times the rate of the next layer; default: 1",
    parse: shareValue,
  },
  distillFrom: {
    group: training,
    value: "<model>",
    help: "a teacher for DeiT's distillation, beside the labels; it accepts what --from accepts",
  },
  distillation: {
    group: training,
    value: "<kind>",
    help: "what the model learns: the teacher's decision (hard) or its distribution (soft); default: hard",
    choices: distillationNames,
  },
  distillationAlpha: {
    group: training,
    value: "<x>",
    help: "the weight of the teacher's loss, 0 to 1; the labels' loss has the rest; default: 0.5",
    parse: unitValue,
  },
  distillationTau: {
    group: training,
    value: "<x>",
    help: "temperature of soft distillation; default: 1",
    parse: positiveValue,
  },
  augment: {
    group: training,
    value: "<a,b,…>",
    help: `the changes to training images: off, or ${augmentationNames.join(", ")}; pad-crop=2 moves them by up to 2 pixels`,
    parse: augmentationValue,
  },
  mixup: { group: training, value: "<alpha>", help: "default: 0", parse: nonNegativeValue },
  cutmix: { group: training, value: "<alpha>", help: "default: 0", parse: nonNegativeValue },
} as const satisfies Flags

export type ClassifyValues = TrainValues & Values<typeof flags> & Pick<Recipe, "task">
