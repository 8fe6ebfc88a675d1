import { foldKey, type Key, keyFromSeed, randomStream, VitrineError } from "@vitrine/core"
import { at } from "./at.ts"
import { type BrokenExample, BrokenImageError, firstImage, readOrBroken } from "./broken.ts"
import type { Dataset } from "./dataset.ts"
import type { FloatImage, Image } from "./image.ts"
import { labelsAt } from "./label-sets.ts"
import { type Mix, mixBatch } from "./mix.ts"
import { readAhead } from "./read-ahead.ts"
import { type Pipeline, pipeline } from "./transforms/apply.ts"
import type { Transform } from "./transforms/transforms.ts"

/** The examples of one training step. The receiver of the batch owns the arrays. */
export interface Batch {
  /** [size, height, width, channels]. */
  readonly images: Float32Array
  /** The class of each row, [size]. It is 0 for padding, and -1 if images may have several labels. */
  readonly labels: Int32Array
  /**
   * The targets after label smoothing and mixing, [size, classes]: one-hot, or 1 for each of several labels. They are
   * zeros for padding.
   */
  readonly targets: Float32Array
  /** 1, or 0 for the rows that pad a short last batch and those of broken images, [size]. */
  readonly weights: Float32Array
  /** The number of rows, with padding: always the batch size. */
  readonly size: number
  readonly epoch: number
  /** The index of the batch in its epoch. */
  readonly index: number
  /** Its broken images. Their rows have weight 0, as those that pad it. */
  readonly broken?: readonly BrokenExample[]
}

/** The options for making batches, as plain data. */
export interface BatchPlan {
  readonly transforms: readonly Transform[]
  readonly batchSize: number
  readonly seed: number
  readonly smoothing: number
  readonly mix: Mix | null
  /** [height, width, channels] of every image after the transforms. */
  readonly shape: readonly [number, number, number]
}

/** The examples of a batch, and the batch's place in the order. */
export interface BatchJob {
  readonly epoch: number
  readonly index: number
  /** The indices of the examples, at most `batchSize`. */
  readonly examples: Uint32Array
  /** Examples of later batches that can be read in advance. */
  readonly soon?: Uint32Array
}

/** Makes a function that makes the batches of a plan. A batch depends only on the plan and the job. */
export function batchMaker(dataset: Dataset, plan: BatchPlan): (job: BatchJob) => Promise<Batch> {
  const steps = pipeline(plan.transforms)
  const { batchSize, smoothing, mix, shape } = plan
  const classes = dataset.classes.length
  const { labelSets } = dataset
  const size = shape[0] * shape[1] * shape[2]
  return async ({ epoch, index, examples }) => {
    const images = new Float32Array(batchSize * size)
    const labels = new Int32Array(batchSize)
    const targets = new Float32Array(batchSize * classes)
    const weights = new Float32Array(batchSize)
    const epochKey = augmentationKey(plan.seed, epoch)
    const broken: (BrokenExample & { readonly row: number })[] = []
    let row = 0
    for await (const [example, source] of readAhead(examples, (each, admit) => readOrBroken(dataset, each, admit))) {
      if (source instanceof BrokenImageError) {
        broken.push({ example, message: source.message, row })
        row++
        continue
      }
      const key = foldKey(epochKey, index * batchSize + row)
      const image = transformed(dataset, example, steps, source, key)
      if (image.height !== shape[0] || image.width !== shape[1] || image.channels !== shape[2])
        throw new VitrineError(
          "shape",
          `${dataset.describe(example)}: is ${image.height}×${image.width}×${image.channels} after the transforms, ` +
            `the first image is ${shape.join("×")}; add resize and centerCrop`,
        )
      steps.numbers(image, key, images, row * size)
      const label = at(dataset.labels, example)
      labels[row] = label
      weights[row] = 1
      targets.fill(smoothing / classes, row * classes, (row + 1) * classes)
      for (const each of labelSets === undefined ? [label] : labelsAt(labelSets, example))
        targets[row * classes + each] = 1 - smoothing + smoothing / classes
      row++
    }
    if (mix !== null) {
      const n = examples.length
      // The partner of a broken image is mixed with itself.
      for (const { row } of broken) {
        copyRow(images, n - 1 - row, row, size)
        copyRow(targets, n - 1 - row, row, classes)
      }
      mixBatch(
        images.subarray(0, n * size),
        targets.subarray(0, n * classes),
        [n, ...shape],
        mix,
        randomStream(foldKey(epochKey, "mix", index)),
      )
      for (const { row } of broken) targets.fill(0, row * classes, (row + 1) * classes)
    }
    return {
      images,
      labels,
      targets,
      weights,
      size: batchSize,
      epoch,
      index,
      ...(broken.length > 0 && { broken: broken.map(({ example, message }) => ({ example, message })) }),
    }
  }
}

function copyRow(values: Float32Array, from: number, to: number, width: number): void {
  values.copyWithin(to * width, from * width, (from + 1) * width)
}

/** The shape [height, width, channels] of images after the transforms. */
export async function transformedShape(
  dataset: Dataset,
  transforms: readonly Transform[],
): Promise<readonly [number, number, number]> {
  const [example, source] = await firstImage(dataset)
  const image = transformed(dataset, example, pipeline(transforms), source, [0, 0])
  return [image.height, image.width, image.channels]
}

function transformed(dataset: Dataset, example: number, steps: Pipeline, image: Image, key: Key): Image | FloatImage {
  try {
    return steps.image(image, key)
  } catch (error) {
    if (!VitrineError.isInstance(error)) throw error
    throw new VitrineError(error.kind, `${dataset.describe(example)}: ${error.message}`, { cause: error })
  }
}

const augmentationKey = (seed: number, epoch: number): Key => foldKey(keyFromSeed(seed), "augment", epoch)
