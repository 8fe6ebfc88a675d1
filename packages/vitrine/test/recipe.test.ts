import { attentionConfig, beyondTimm } from "@vitrine/checkpoint"
import { patchGrid } from "@vitrine/core"
import { describe, expect, test } from "vitest"
import { defineRecipe, flip, type ModelFields, randomResizedCrop, type Recipe, resolveRecipe } from "../src/node.ts"
import type { DataFacts } from "../src/tasks/classify/recipe-type.ts"

const small: DataFacts = {
  examples: 1000,
  classes: 10,
  channels: 3,
  imageSize: [32, 32],
  mean: [0.5, 0.4, 0.3],
  std: [0.2, 0.2, 0.1],
}
const large: DataFacts = { ...small, imageSize: [480, 640] }

describe("fills in what is left open", () => {
  test("small images get a small model at their own size", () => {
    const { config, training, ...rest } = resolveRecipe({}, { ...small, examples: 5000 }, 7)
    expect(config).toMatchObject({
      imageSize: [32, 32],
      patchSize: [4, 4],
      channels: 3,
      classes: 10,
      dim: 96,
      depth: 6,
      heads: 3,
      mlpDim: 384,
    })
    // 79 batches of up to 64 an epoch, ten epochs.
    expect(training).toMatchObject({ steps: 790, seed: 7, accumulate: 1, optimizer: { name: "adamw" } })
    expect(rest).toEqual({
      task: "classify",
      threshold: 0.5,
      best: "top1",
      distillation: null,
      init: "fan",
      batchSize: 64,
      augment: [],
      augmentNormalized: [],
      labelSmoothing: 0,
      mix: null,
      dropLast: false,
      interpolation: "bicubic",
      cropPct: 1,
      cropMode: "center",
      mean: small.mean,
      std: small.std,
      evaluateEvery: 79,
    })
  })

  test("few small images get a small hybrid, changed images and enough steps, unless the recipe has a model", () => {
    const { config, training, batchSize, augment, mix, labelSmoothing } = resolveRecipe(
      {},
      { ...small, examples: 27 },
      0,
    )
    expect(config).toMatchObject({
      imageSize: [32, 32],
      patchSize: [1, 1],
      stem: { width: 64, depths: [] },
      dim: 64,
      depth: 4,
    })
    expect(attentionConfig(config, "this").pool).toBe("average")
    expect(augment).toMatchObject([{ op: "padCrop", pad: 4 }, { op: "flip" }])
    expect([batchSize, mix, labelSmoothing]).toEqual([27, { cutmix: 1 }, 0.1])
    expect(training).toMatchObject({ steps: 1500, classWeightTotal: "examples", learningRate: 2e-3 })
    expect(resolveRecipe({ steps: 7, augment: [] }, small, 0)).toMatchObject({ training: { steps: 7 }, augment: [] })
    expect(resolveRecipe({ epochs: 2 }, small, 0).training.steps).toBe(32)
    const own = resolveRecipe({ model: { dim: 96 } }, { ...small, examples: 27 }, 0)
    expect(own).toMatchObject({ augment: [], mix: null, labelSmoothing: 0, training: { steps: 100 } })
  })

  test.each<[size: readonly [number, number], examples: number, imageSize: readonly [number, number], tokens: number]>([
    [[37, 37], 6000, [36, 36], 81],
    [[89, 89], 6000, [88, 88], 121],
    [[60, 90], 6000, [64, 88], 88],
    [[96, 96], 6000, [96, 96], 144],
    [[16, 16], 6000, [16, 16], 64],
    [[8, 8], 6000, [8, 8], 64],
    [[37, 37], 90, [37, 37], 100],
    [[89, 89], 90, [88, 88], 121],
    [[60, 90], 90, [64, 88], 88],
    [[28, 28], 90, [28, 28], 49],
    [[16, 16], 90, [16, 16], 64],
    [[375, 500], 90, [96, 96], 144],
  ])(
    "images of %j, %d of them, are seen at %j as %d tokens, by a model of timm's",
    async (size, examples, imageSize, tokens) => {
      const config = attentionConfig(resolveRecipe({}, { ...small, imageSize: size, examples }, 0).config, "this")
      expect(config.imageSize).toEqual(imageSize)
      const [rows, columns] = patchGrid(config)
      expect(rows * columns).toBe(tokens)
      expect(await beyondTimm(config)).toEqual([])
    },
  )

  test("one mean stands for all channels, and crops are of the model's size", () => {
    const augment = [randomResizedCrop(224)]
    const { mean, std, ...rest } = resolveRecipe({ mean: [0.5], std: [0.25], augment }, small, 0)
    expect([mean, std]).toEqual([
      [0.5, 0.5, 0.5],
      [0.25, 0.25, 0.25],
    ])
    expect(rest.augment).toMatchObject([{ op: "randomResizedCrop", size: [32, 32] }])
  })

  test("a model that is taught has a distillation token; one that learns without labels no classes", () => {
    const taught = resolveRecipe({ distillation: { kind: "soft" }, model: "Ti/16" }, large, 0)
    expect(taught).toMatchObject({ distillation: { kind: "soft", alpha: 0.5, tau: 1 }, config: { classes: 10 } })
    expect(attentionConfig(taught.config, "this").distillationToken).toBe(true)
    expect(resolveRecipe({ task: "masked-patch" }, small, 0).config.classes).toBe(0)
  })

  test("few photos get the small model at 96 pixels, and crops of many sizes", () => {
    const { config, augment, training } = resolveRecipe({}, large, 0)
    expect(config).toMatchObject({ imageSize: [96, 96], patchSize: [2, 2], dim: 64 })
    expect(augment).toMatchObject([{ op: "randomResizedCrop", size: [96, 96] }, { op: "flip" }])
    expect(training.steps).toBe(1500)
  })

  test("few images of several labels get the small model, without mixed images", () => {
    const { config, mix, labelSmoothing, training } = resolveRecipe({ task: "multi-label" }, small, 0)
    expect(config).toMatchObject({ dim: 64, patchSize: [1, 1] })
    expect([mix, labelSmoothing, training.loss]).toEqual([null, 0, "binary"])
  })

  test("many large images get ViT-Ti/16 at 224", () => {
    const { config } = resolveRecipe({}, { ...large, examples: 5000 }, 0)
    expect(config).toMatchObject({
      imageSize: [224, 224],
      patchSize: [16, 16],
      dim: 192,
      depth: 12,
      heads: 3,
      classes: 10,
    })
  })

  test("a side that four does not divide has patches of one pixel", () => {
    expect(resolveRecipe({}, { ...small, imageSize: [7, 9] }, 0).config).toMatchObject({ patchSize: [1, 1] })
  })

  test.each<[string, string | ModelFields, object]>([
    ["a variant", "S/16", { dim: 384, imageSize: [224, 224] }],
    ["fields", { dim: 48, depth: 2 }, { dim: 48, depth: 2, heads: 3, imageSize: [224, 224] }],
    [
      "a variant, changed",
      { variant: "Ti/16", depth: 3, imageSize: [64, 64] },
      { dim: 192, depth: 3, imageSize: [64, 64] },
    ],
  ])("the model by %s", (_, model, fields) => {
    expect(resolveRecipe({ model }, large, 0).config).toMatchObject(fields)
  })

  test("a batch is cut into equal micro-batches", () => {
    const cut = (recipe: Recipe): readonly number[] => {
      const { batchSize, training } = resolveRecipe(recipe, small, 0)
      return [batchSize, training.microBatches]
    }
    expect(cut({ batchSize: 48, microBatches: 3 })).toEqual([48, 3])
    // The usual batch, as far as it can be cut.
    expect(cut({ microBatches: 6 })).toEqual([60, 6])
    expect(() => cut({ batchSize: 50, microBatches: 4 })).toThrow(
      "recipe: a batch of 50 cannot be cut into 4 equal micro-batches: take batchSize 48 or 52 (--batch-size, --micro-batches)",
    )
    expect(() => cut({ microBatches: 4, accumulate: 2 })).toThrow("recipe: give microBatches or accumulate, not both")
  })

  test("epochs count updates", () => {
    const steps = (recipe: Recipe): number => resolveRecipe(recipe, small, 0).training.steps
    expect(steps({ epochs: 2, batchSize: 100 })).toBe(20)
    expect(steps({ epochs: 2, batchSize: 100, accumulate: 5 })).toBe(4)
    // Whole passes: no update is cut off at the end of each.
    expect(steps({ epochs: 10, batchSize: 100, accumulate: 4 })).toBe(25)
    expect(steps({ epochs: 2, batchSize: 300 })).toBe(8)
    expect(steps({ epochs: 2, batchSize: 300, microBatches: 3 })).toBe(8)
    expect(steps({ epochs: 2, batchSize: 300, dropLast: true })).toBe(6)
    expect(steps({ epochs: 0.5, batchSize: 100 })).toBe(5)
    expect(steps({ steps: 3 })).toBe(3)
  })

  test("long runs are evaluated ten times, short ones every epoch", () => {
    expect(resolveRecipe({ steps: 1000 }, small, 0).evaluateEvery).toBe(100)
    expect(resolveRecipe({ steps: 10 }, small, 0).evaluateEvery).toBe(16)
    expect(resolveRecipe({ steps: 10, evaluateEvery: 3 }, small, 0).evaluateEvery).toBe(3)
  })
})

test("what is written down says all: resolved twice, it is the same", () => {
  const recipe = defineRecipe({
    model: "Ti/16",
    epochs: 1,
    augment: [flip()],
    ema: 0.99,
    schedule: { decay: "linear", warmup: 5, final: 0 },
  })
  const first = resolveRecipe(recipe, large, 3)
  expect(JSON.parse(JSON.stringify(first))).toEqual(first)
})

describe("refuses in one line that says what to change", () => {
  test.each<[string, object, string]>([
    [
      "an unknown field",
      { learningrate: 1 },
      "recipe: learningrate is not a field of a recipe; did you mean learningRate?",
    ],
    ["steps and epochs", { steps: 1, epochs: 1 }, "recipe: give steps or epochs, not both"],
    ["half a batch", { batchSize: 1.5 }, "recipe: batchSize must be a positive integer, got 1.5"],
    [
      "batches larger than the data",
      { batchSize: 1001, dropLast: true },
      "recipe: batchSize: a batch of 1001 needs more than the 1000 training images",
    ],
    [
      "other classes than the data's",
      { model: { classes: 3 } },
      "the model has 3 channels and 3 classes, the data 3 and 10",
    ],
    [
      "other channels than the data's",
      { model: { channels: 1 } },
      "the model has 1 channels and 10 classes, the data 3 and 10",
    ],
    ["no such variant", { model: "Z/16" }, "Z/16"],
    ["no such initialisation", { init: "zero" }, 'recipe: init must be one of paper, timm, fan, got "zero"'],
    ["no steps", { steps: 0 }, "steps must be a positive integer, got 0"],
    [
      "a learning rate that is no number",
      { learningRate: Number.NaN },
      "learningRate must be a number of 0 or more, got NaN",
    ],
    ["heads that do not divide the width", { model: { dim: 100, heads: 3 } }, "heads"],
    ["an unknown transform", { augment: [{ op: "melt" }] }, "melt"],
  ])("%s", (_, recipe, message) => {
    const resolve = (): unknown => resolveRecipe(recipe, small, 0)
    expect(resolve).toThrow(message)
    expect(resolve).toThrow(
      expect.objectContaining({ name: "VitrineError", message: expect.not.stringContaining("\n") }),
    )
  })
})
