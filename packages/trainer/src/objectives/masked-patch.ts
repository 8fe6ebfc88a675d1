import {
  vitEncoder,
  foldKey,
  type Key,
  keyFromSeed,
  linear,
  ops,
  patchEmbedding,
  patchFeatures,
  patchGrid,
  permutation,
  type Scope,
  randomStream,
  type Tensor,
  type ViTConfig,
  VitrineError,
} from "@vitrine/core"
import type { Batch } from "@vitrine/data"
import { tally, tallyRows } from "../metrics.ts"
import type { Objective, Prepared } from "./objective.ts"

/** Levels of each channel in the predicted colours: 3 bits. */
const levels = 8
/** The share of the patches that are corrupted. */
const corruptedShare = 0.5
/**
 * The share of the corrupted patches that are masked, and the share that get another patch's pixels. The others keep
 * theirs.
 */
const maskedShare = 0.8
const swappedShare = 0.1

/** Mean and standard deviation by which images were normalised, one number for each channel. */
export interface Normalization {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/**
 * The paper's self-supervision (Dosovitskiy et al., 2021, section 4.6 and appendix B.1.2). Half of the patches are
 * corrupted, and the model predicts the mean colour of each of these, with 3 bits for each channel. Of the corrupted
 * patches 80 % become a learned mask, 10 % become another patch of the image, and 10 % keep their pixels. The mask
 * (`mask_token`) and the head (`mask_head`) are parameters of the training, not of the model.
 */
export function maskedPatchObjective(config: ViTConfig, normalization: Normalization): Objective {
  const { channels, dim } = config
  if (channels > 3) throw new VitrineError("config", `masked-patch: takes images of 1 to 3 channels, got ${channels}`)
  if (config.stem !== null)
    throw new VitrineError(
      "config",
      "masked-patch: a hybrid's patches see each other's pixels: take a model without a stem",
    )
  const [rows, columns] = patchGrid(config)
  const patches = rows * columns
  const classes = levels ** channels
  const targets = ops.reshape(ops.input("targets", ["batch", patches, classes]), [`batch*${patches}`, classes])
  const logits = (scope: Scope): Tensor => {
    const images = ops.input("images", ["batch", ...config.imageSize, channels])
    const mask = ops.reshape(ops.input("mask", ["batch", patches]), ["batch", patches, 1])
    const embedded = patchEmbedding(scope.at("patch_embed"), images, config) // [batch, N, D]
    const token = scope.param("mask_token", [1, 1, dim], "classToken")
    const visible = ops.mul(embedded, ops.sub(1, mask))
    const features = patchFeatures(scope, vitEncoder(scope, ops.add(visible, ops.mul(mask, token)), config), config)
    const flat = ops.reshape(features, [`batch*${patches}`, dim])
    return linear(scope.at("mask_head"), flat, classes, { role: "head" })
  }
  const prepare = (batch: Batch, key: Key): Corrupted => corrupt(batch, key, config, normalization, classes)
  return {
    rows: (scope) => {
      const weights = ops.reshape(ops.input("weights", ["batch", patches]), [`batch*${patches}`])
      return { losses: ops.softmaxCrossEntropy(logits(scope), targets), weights }
    },
    prepare,
    measure: {
      outputs: (scope) => {
        const predictions = logits(scope)
        return { logits: predictions, losses: ops.softmaxCrossEntropy(predictions, targets) }
      },
      pass: () => {
        const { addRows: add, result } = tally(classes)
        return {
          async record(batch, run) {
            const { inputs, labels } = prepare(batch, foldKey(keyFromSeed(0), "evaluation", batch.index))
            const { images, mask, targets, weights } = inputs
            const { logits, losses } = await run({ images, mask, targets })
            return tallyRows(logits?.data ?? [], losses?.data ?? [], labels, weights, classes)
          },
          add,
          result,
        }
      },
      score: ({ top1 }) => top1,
      loss: ({ loss }) => loss,
    },
  }
}

/** A batch with corrupted patches. */
interface Corrupted extends Prepared {
  readonly inputs: Readonly<Record<"images" | "mask" | "targets" | "weights", Float32Array>>
  /** The colour of each patch, `[size · patches]`. */
  readonly labels: Int32Array
}

function corrupt(batch: Batch, key: Key, config: ViTConfig, normalization: Normalization, classes: number): Corrupted {
  const { size } = batch
  const [rows, columns] = patchGrid(config)
  const patches = rows * columns
  const images = batch.images.slice()
  const mask = new Float32Array(size * patches)
  const weights = new Float32Array(size * patches)
  const labels = patchColours(batch.images, size, config, normalization)
  const targets = new Float32Array(size * patches * classes)
  labels.forEach((label, at) => {
    targets[at * classes + label] = 1
  })
  let total = 0
  for (let row = 0; row < size; row++) {
    if (batch.weights[row] === 0) continue
    const rowKey = foldKey(key, "corrupt", row)
    const random = randomStream(rowKey)
    const order = permutation(foldKey(rowKey, "order"), patches)
    for (const patch of order.subarray(0, Math.max(1, Math.round(corruptedShare * patches)))) {
      weights[row * patches + patch] = 1
      total++
      const chance = random.uniform()
      const source = random.integer(patches)
      if (chance < maskedShare) mask[row * patches + patch] = 1
      else if (chance < maskedShare + swappedShare) copyPatch(batch.images, images, row, source, patch, config)
    }
  }
  return { inputs: { images, mask, targets, weights }, labels, total }
}

function copyPatch(
  from: Float32Array,
  to: Float32Array,
  row: number,
  source: number,
  target: number,
  { imageSize: [height, width], patchSize: [patchHeight, patchWidth], channels }: ViTConfig,
): void {
  const columns = width / patchWidth
  const start = (patch: number, y: number): number =>
    ((row * height + Math.floor(patch / columns) * patchHeight + y) * width + (patch % columns) * patchWidth) * channels
  for (let y = 0; y < patchHeight; y++)
    to.set(from.subarray(start(source, y), start(source, y) + patchWidth * channels), start(target, y))
}

/**
 * The mean colour of each patch, with 3 bits for each channel, those of the first channel highest: `[size · patches]`.
 */
export function patchColours(
  images: Float32Array,
  size: number,
  config: ViTConfig,
  { mean, std }: Normalization,
): Int32Array {
  const { channels } = config
  const [height, width] = config.imageSize
  const [patchHeight, patchWidth] = config.patchSize
  const [rows, columns] = patchGrid(config)
  const lineLength = patchWidth * channels
  return Int32Array.from({ length: size * rows * columns }, (_, patch) => {
    const [image, place] = [Math.floor(patch / (rows * columns)), patch % (rows * columns)]
    const top = image * height + Math.floor(place / columns) * patchHeight
    const left = (place % columns) * patchWidth
    const lines = Array.from({ length: patchHeight }, (_, y) => {
      const begin = ((top + y) * width + left) * channels
      return images.subarray(begin, begin + lineLength)
    })
    let colour = 0
    for (let c = 0; c < channels; c++) {
      const add = (total: number, value: number, i: number): number => (i % channels === c ? total + value : total)
      const average = lines.reduce((total, line) => line.reduce(add, total), 0) / (patchHeight * patchWidth)
      const value = average * (std[c] ?? Number.NaN) + (mean[c] ?? Number.NaN)
      colour = levels * colour + Math.min(levels - 1, Math.max(0, Math.floor(levels * value)))
    }
    return colour
  })
}
