import { learningRate } from "@vitrine/trainer"
import { describe, expect, test } from "vitest"
import { type DataFacts, hyperRule, resolveRecipe } from "../src/node.ts"

const facts = (examples: number, imageSize: readonly [number, number]): DataFacts => ({
  examples,
  imageSize,
  classes: 10,
  channels: 3,
  mean: [0.3, 0.3, 0.3],
  std: [0.2, 0.2, 0.2],
})

// google-research/big_transfer, bit_hyperrule.py: warm-up, three decays, end.
describe.each([
  [19_999, [100, 200, 300, 400, 500], 0],
  [20_000, [500, 3000, 6000, 9000, 10_000], 0.1],
  [499_999, [500, 3000, 6000, 9000, 10_000], 0.1],
  [500_000, [500, 6000, 12_000, 18_000, 20_000], 0.1],
] as const)("BiT-HyperRule for %i images", (examples, [warmup, ...ends], mixup) => {
  const data = facts(examples, [32, 32])
  const { training, batchSize, mix } = resolveRecipe({ ...hyperRule(examples, [32, 32]), ...small() }, data, 0)
  const { steps, accumulate, learningRate: base, schedule } = training

  test("has its length, batch and mixup", () => {
    expect(steps).toBe(ends.at(-1))
    expect(batchSize * accumulate).toBe(512)
    expect(mix?.mixup ?? 0).toBe(mixup)
    expect(training).toMatchObject({ optimizer: { name: "sgd", momentum: 0.9 }, weightDecay: 0, clip: null })
  })

  test("has its rates, but for the steps at which they change", () => {
    const supports: readonly number[] = [warmup, ...ends]
    for (let step = 0; step < steps; step += 7) {
      if (supports.includes(step)) continue
      const drops = ends.filter((end) => end < step).length
      const expected = step < warmup ? (0.003 * (step + 1)) / warmup : 0.003 / 10 ** drops
      expect(learningRate(base, schedule, step, steps)).toBeCloseTo(expected, 12)
    }
  })
})

/** A model of which nothing is computed here. */
const small = (): { model: object } => ({ model: { widths: [128], depths: [1], imageSize: [128, 128] } })

test("small images are cropped to 128² from 160², others to 480² from 512²", () => {
  for (const [imageSize, cropped, resized] of [
    [[95, 96], 128, 160],
    [[96, 96], 480, 512],
    [[40, 900], 480, 512],
  ] as const) {
    const { model, augment } = hyperRule(1000, imageSize)
    expect(model).toEqual({ imageSize: [cropped, cropped] })
    const [crop] = augment ?? []
    expect(crop).toMatchObject({ op: "randomCrop", size: [cropped, cropped], interpolation: "bilinear" })
    expect(crop?.op === "randomCrop" ? crop.scale * cropped : 0).toBeCloseTo(resized, 9)
  }
})

test("few images make smaller batches of which as many make a step, at the rate for their number", () => {
  const { batchSize, accumulate = 0, learningRate: rate, dropLast } = hyperRule(50, [200, 300])
  expect([batchSize, accumulate, dropLast]).toEqual([50, 11, false])
  expect(rate).toBeCloseTo((0.003 * 550) / 512, 12)
})
