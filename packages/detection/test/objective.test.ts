import { type HostTensor, keyFromSeed } from "@vitrine/core"
import { resnetConfig } from "@vitrine/resnet"
import type { Share } from "@vitrine/trainer"
import { expect, test } from "vitest"
import {
  createDetectionLoader,
  type DetectionBatch,
  detectionObjective,
  detrConfig,
  scenes,
  type Target,
} from "../src/index.ts"

const imageSize = [64, 80] as const
const data = scenes({ split: "val", size: 7, imageSize: [48, 64] })
const config = detrConfig({
  backbone: { kind: "resnet", config: resnetConfig({ block: "basic", widths: [8, 8], depths: [1, 1], norm: "group" }) },
  classes: data.classes.length,
  queries: 9,
  dim: 8,
  heads: 2,
  encoderDepth: 1,
  decoderDepth: 2,
  mlpDim: 8,
})
const objective = detectionObjective(config, { imageSize, padded: true, truth: (example) => data.objects(example) })

async function* pass(): AsyncGenerator<DetectionBatch> {
  const loader = await createDetectionLoader({ dataset: data, batchSize: 4, imageSize, epochs: 1 })
  yield* loader
  await loader.close()
}

/** What a model would give that finds just this, each object by another query. */
function perfect(targets: readonly Target[], scale = 1): Record<string, HostTensor> {
  const { queries, classes } = config
  const shape = [targets.length, queries]
  const logits = new Float32Array(targets.length * queries * (classes + 1))
  const boxes = new Float32Array(targets.length * queries * 4).fill(0.5)
  targets.forEach(({ labels, boxes: own }, row) => {
    for (let query = 0; query < queries; query++) {
      const at = row * queries + query
      const object = queries - 1 - query
      logits[at * (classes + 1) + (labels[object] ?? classes)] = 10
      if (object < labels.length)
        boxes.set(
          own.subarray(4 * object, 4 * object + 4).map((value, k) => (k < 2 ? value : value * scale)),
          4 * at,
        )
    }
  })
  return { logits: { data: logits, shape: [...shape, classes + 1] }, boxes: { data: boxes, shape: [...shape, 4] } }
}

test("what is found is measured in the pixels of the images before they were resized and padded", async () => {
  const measured = objective.measure.pass()
  const smaller = objective.measure.pass()
  for await (const batch of pass()) {
    const given = async (inputs: object): Promise<Record<string, HostTensor>> => {
      expect(Object.keys(inputs).toSorted()).toEqual(["images", "positions", "visible"])
      return perfect(batch.targets)
    }
    measured.add(await measured.record(batch, given))
    // Sides of 0.8 overlap by 0.64: right up to three of the ten thresholds.
    smaller.add(await smaller.record(batch, async () => perfect(batch.targets, 0.8)))
  }
  const found = measured.result()
  expect([found.examples, found.ap, found.ap50, objective.measure.score(found)]).toEqual([7, 1, 1, 1])
  const { ap, ap50, ap75 } = smaller.result()
  expect([ap50, ap75]).toEqual([1, 0])
  expect(ap).toBeCloseTo(0.3, 6)
})

const sharesOf = (batches: readonly DetectionBatch[]): readonly Share[] =>
  batches.map((batch) => objective.share?.(batch) ?? {})

test("rows that pad a batch weigh nothing and are matched with nothing", async () => {
  const batches: DetectionBatch[] = []
  for await (const batch of pass()) batches.push(batch)
  const { inputs, total } = await objective.prepare(
    batches[1] as DetectionBatch,
    keyFromSeed(0),
    sharesOf(batches.slice(1, 2)),
  )
  expect(total).toBe(3)
  expect(Array.from(inputs["weights"] as Float32Array)).toEqual([3, 3, 3, 0])
  const layers = config.decoderDepth
  const seen = {
    logits: { data: new Float32Array(4 * layers * 9 * 5), shape: [4, layers, 9, 5] },
    boxes: { data: new Float32Array(4 * layers * 9 * 4).fill(0.5), shape: [4, layers, 9, 4] },
  }
  const told = await objective.hostInputs?.(seen, batches[1] as DetectionBatch, sharesOf(batches.slice(1, 2)))
  const sum = (name: string, from: number, to: number): number =>
    Array.from(told?.[`targets.${name}`] as Float32Array)
      .slice(from * layers * 9, to * layers * 9)
      .reduce((a, b) => a + b, 0)
  expect(sum("boxWeights", 3, 4)).toBe(0)
  // Every object counts once in each layer, and all objects of the batch 1 together.
  expect(sum("boxWeights", 0, 3)).toBeCloseTo(layers, 5)
  const classes = told?.["targets.classes"] as Float32Array
  expect(classes.subarray(3 * layers * 9 * 5).every((value) => value === 0)).toBe(true)
  expect(classes.reduce((a, b) => a + b, 0)).toBeCloseTo(layers, 4)
})

test("the batches of one step weigh as one batch: boxes and classes divide by what is in all of them", async () => {
  const batches: DetectionBatch[] = []
  for await (const batch of pass()) batches.push(batch)
  const shares: number[] = []
  for (const batch of batches) {
    const outputs = perfect(batch.targets)
    const layered = Object.fromEntries(
      Object.entries(outputs).map(([name, { data, shape }]) => {
        const [rows = 0, queries = 0, width = 0] = shape
        const repeated = Float32Array.from({ length: rows * config.decoderDepth * queries * width }, (_, i) => {
          const row = Math.floor(i / (config.decoderDepth * queries * width))
          return Number(data[row * queries * width + (i % (queries * width))])
        })
        return [name, { data: repeated, shape: [rows, config.decoderDepth, queries, width] }]
      }),
    )
    const inputs = await objective.hostInputs?.(layered, batch, sharesOf(batches))
    shares.push(Array.from(inputs?.["targets.boxWeights"] as Float32Array).reduce((a, b) => a + b, 0))
    const { inputs: prepared, total } = await objective.prepare(batch, keyFromSeed(0), sharesOf(batches))
    // Weights are scaled by the images of the step, whose sum the loop divides by.
    expect(Math.max(...(prepared["weights"] as Float32Array))).toBe(7)
    expect(total).toBe(batch === batches[0] ? 4 : 3)
  }
  expect(shares.reduce((a, b) => a + b, 0)).toBeCloseTo(config.decoderDepth, 5)
})
