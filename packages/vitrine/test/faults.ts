import type { DataFacts } from "../src/tasks/classify/recipe-type.ts"
import type { DetectionFacts } from "../src/tasks/detect/recipe-type.ts"
import type { ReadingFacts } from "../src/tasks/read/recipe-type.ts"
import { alphabet } from "@vitrine/seq2seq"
import { optimizerNames } from "@vitrine/trainer"

export const facts: DataFacts = {
  examples: 1000,
  classes: 10,
  channels: 3,
  imageSize: [224, 224],
  mean: [0.5, 0.4, 0.3],
  std: [0.2, 0.2, 0.1],
}

export const detectionFacts: DetectionFacts = {
  examples: 100,
  classes: 5,
  imageSize: [64, 64],
  objects: 6,
  builtIn: false,
}

export const readingFacts: ReadingFacts = {
  examples: 100,
  alphabet: alphabet(["0", "1", "2"]),
  longest: 5,
  imageSize: [28, 160],
  mean: [0.2],
  std: [0.3],
}

const names = optimizerNames.join(", ")

/** Faulty recipes of classifiers, and what is said of them. */
export const faults: readonly (readonly [recipe: object, message: string])[] = [
  [{ optimizer: { name: "tiger" } }, `recipe: optimizer.name must be one of ${names}, got "tiger"`],
  [{ optimizer: { name: "AdamW" } }, `recipe: optimizer.name must be one of ${names}, got "AdamW"`],
  [{ optimizer: "adamw" }, 'recipe: optimizer must be an object, got "adamw"'],
  [
    { optimizer: { name: "adamw", betas: 3 } },
    "recipe: optimizer.betas must be [a number in [0, 1), a number in [0, 1)], got 3",
  ],
  [{ optimizer: { name: "adamw", betas: [0.9, 1] } }, "recipe: optimizer.betas[1] must be a number in [0, 1), got 1"],
  [{ optimizer: { name: "sgd", beta: 1 } }, "recipe: optimizer.beta is not a field of the optimizer sgd"],
  [{ optimizer: { name: "sgd", nesterov: true } }, "recipe: optimizer.nesterov needs a momentum above 0"],
  [{ mix: { mixp: 1 } }, "recipe: mix.mixp is not a field of a mix; did you mean mixup?"],
  [{ mix: { beta: 0.5 } }, "recipe: mix.beta is not a field of a mix"],
  [{ mix: { mixup: -1 } }, "recipe: mix.mixup must be a number in [0, 100], got -1"],
  [{ model: 5 }, "recipe: model must be the name of a variant or an object, got 5"],
  [{ model: null }, "recipe: model must be the name of a variant or an object, got null"],
  [{ model: { depht: 5 } }, "recipe: model.depht is not a field of a Vision Transformer; did you mean depth?"],
  [{ model: { dim: "96" } }, 'recipe: model.dim must be a number, got "96"'],
  [{ model: { imageSize: [32] } }, "recipe: model.imageSize"],
  [{ model: { dim: 100, heads: 3 } }, "recipe: model: heads must divide dim"],
  [{ std: [-1, 1, 1] }, "recipe: std[0] must be a positive number, got -1"],
  [{ std: [1, 1] }, "recipe: std must be 3 numbers or one, got [1,1]"],
  [{ mean: ["0.5"] }, 'recipe: mean[0] must be a number, got "0.5"'],
  [{ evaluateEvery: -5 }, "recipe: evaluateEvery must be a positive integer, got -5"],
  [{ learningRate: "0.001" }, 'recipe: learningRate must be a number of 0 or more, got "0.001"'],
  [{ learningRate: Number.NaN }, "recipe: learningRate must be a number of 0 or more, got NaN"],
  [{ weightDecay: Infinity }, "recipe: weightDecay must be a number of 0 or more, got Infinity"],
  [{ augment: { op: "flip" } }, 'recipe: augment must be a list, got {"op":"flip"}'],
  [{ augment: [{ op: "flop", p: 1 }] }, "recipe: augment[0].op must be one of "],
  [{ augment: [{ op: "flip", p: 2 }] }, "recipe: augment[0].p must be a number in [0, 1], got 2"],
  [{ augment: [{ op: "flip", p: 1, q: 1 }] }, "recipe: augment[0].q is not a field of the transform flip"],
  [{ augment: [null] }, "recipe: augment[0] must be an object, got null"],
  [
    { augmentNormalized: [{ op: "flip", p: 1 }] },
    "recipe: augmentNormalized: transform 1 (flip): must come before normalize",
  ],
  [{ clip: "1" }, 'recipe: clip must be a positive number or null, got "1"'],
  [{ schedule: null }, "recipe: schedule must be an object, got null"],
  [{ schedule: { decay: "cosine", warmup: 0 } }, "recipe: schedule.final is missing"],
  [{ schedule: { decay: "cosines", warmup: 0, final: 0 } }, "recipe: schedule.decay must be one of cosine, linear"],
  [{ batchsize: 5 }, "recipe: batchsize is not a field of a recipe; did you mean batchSize?"],
  [{ lion: 5 }, "recipe: lion is not a field of a recipe"],
  [{ toString: 5 }, "recipe: toString is not a field of a recipe"],
  [{ distillation: { kind: "firm" } }, 'recipe: distillation.kind must be one of hard, soft, got "firm"'],
  [{ freeze: "backbone" }, 'recipe: freeze must be a list, got "backbone"'],
  [{ rates: { backbone: "0.1" } }, "recipe: rates must be values by name, each a number of 0 or more"],
  [{ labelSmoothing: 2 }, "recipe: labelSmoothing must be a number in [0, 1], got 2"],
  [{ cropMode: "edge" }, 'recipe: cropMode must be one of center, squash, border, got "edge"'],
  [{ interpolation: "cubic" }, "recipe: interpolation must be one of nearest, box"],
  [{ steps: "10" }, 'recipe: steps must be a positive integer, got "10"'],
  [{ task: "detect" }, 'recipe: task must be one of classify, multi-label, masked-patch, got "detect"'],
]

export const goodDetection = {
  model: {
    dim: 32,
    queries: 20,
    backbone: { kind: "resnet", config: { block: "basic", widths: [32, 64], depths: [1, 1], norm: "group" } },
  },
  imageSize: [64, 96],
  steps: 100,
  batchSize: 4,
  augment: [
    { op: "flip", p: 0.5 },
    {
      op: "either",
      first: [{ op: "resizeShortest", shortest: [32, 48], within: [64, 96] }],
      second: [
        { op: "sizeCrop", least: 16, most: 32 },
        { op: "resizeShortest", shortest: [32] },
      ],
    },
  ],
  losses: { boxWeight: 4, auxiliary: false },
  optimizer: { name: "adamw", betas: [0.9, 0.99] },
  learningRate: 1e-4,
  rates: { backbone: 0.1 },
  schedule: { decay: "step", warmup: 0.02, final: 0.1, drop: [0.5, 0.8] },
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
  evaluateEvery: 50,
} as const

export const goodReading = {
  task: "read",
  characters: [1, 5],
  model: {
    dim: 64,
    heads: 4,
    encoderDepth: 3,
    mlpDim: 256,
    activation: "gelu",
    normFirst: true,
    patchSize: [28, 4],
    channels: 1,
  },
  steps: 4000,
  batchSize: 64,
  labelSmoothing: 0.1,
  optimizer: { name: "sgd", momentum: 0.9, nesterov: true },
  learningRate: 2e-3,
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  clip: 1,
  mean: [0.5],
  std: [0.5],
  evaluateEvery: 500,
} as const

/** A recipe with everything that recipes of classifiers can hold. */
export const goodClassification = {
  model: {
    patchSize: [7, 7],
    dim: 64,
    depth: 4,
    heads: 2,
    mlpDim: 256,
    pool: "token",
    preLogits: { dim: 32, activation: "tanh" },
  },
  init: "fan",
  steps: 100,
  batchSize: 50,
  accumulate: 2,
  augment: [
    { op: "randomResizedCrop", size: [28, 28], scale: [0.5, 1], ratio: [0.75, 1.25], interpolation: "bilinear" },
    { op: "padCrop", pad: 2 },
    { op: "flip", p: 0.5 },
    { op: "randAugment", n: 2, magnitude: 9 },
  ],
  augmentNormalized: [{ op: "randomErasing", p: 0.25, scale: [0.02, 0.3], ratio: [0.3, 3] }],
  labelSmoothing: 0.1,
  mix: { mixup: 0.8, cutmix: 1, p: 1, switchP: 0.5 },
  dropLast: false,
  optimizer: { name: "adamw", betas: [0.9, 0.95], epsilon: 1e-8 },
  learningRate: 2e-3,
  schedule: { decay: "cosine", warmup: 0.1, final: 0 },
  weightDecay: 0.05,
  decay: "matrices",
  layerDecay: 0.75,
  freeze: ["blocks.0"],
  rates: { blocks: 0.5 },
  clip: null,
  ema: 0.99,
  classWeights: [1, 1, 1, 1, 1, 1, 1, 1, 1, 2],
  lossScaling: false,
  gradCheckpointing: true,
  interpolation: "bilinear",
  cropPct: 0.9,
  cropMode: "squash",
  mean: [0.5],
  std: [0.5, 0.5, 0.5],
  evaluateEvery: 10,
} as const
