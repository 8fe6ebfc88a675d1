import { foldKey, keyFromSeed, VitrineError } from "@vitrine/core"
import { applyTransforms, normalize, type Size } from "@vitrine/data"
import { type BatchJob, readAhead } from "@vitrine/data/internal"
import { packBoxes, toCenters } from "../boxes/boxes.ts"
import type { DetectionDataset } from "./dataset.ts"
import { type Objects, objectList } from "./objects.ts"
import { transformExample, type DetectionTransform } from "./transforms.ts"

/** The objects of an image that a model learns to detect. Crowds are not among them. */
export interface Target {
  /** The classes, [n]. */
  readonly labels: Int32Array
  /** Centre x, centre y, width and height as shares of the image without its padding, [n, 4]. */
  readonly boxes: Float32Array
}

/** The images and targets of one training step. The receiver of the batch owns the arrays. */
export interface DetectionBatch {
  /** Normalised images, each in the upper left corner of zeros: [size, height, width, 3]. */
  readonly images: Float32Array
  /** 1 for a pixel of the image, 0 for padding: [size, height, width]. */
  readonly mask: Float32Array
  /** [height, width] of each image without its padding, [size]. */
  readonly sizes: readonly Size[]
  /** [height, width] of each image before the transforms, [size]. */
  readonly originals: readonly Size[]
  /** The targets of each row, [size]. Rows that pad the batch have none. */
  readonly targets: readonly Target[]
  /** The index in the data set of each row that does not pad the batch. */
  readonly examples: Uint32Array
  /** 1 for an image, 0 for a row that pads a short last batch, [size]. */
  readonly weights: Float32Array
  /** The number of rows, with those that pad the batch: always the batch size. */
  readonly size: number
  readonly epoch: number
  /** The index of the batch in its epoch. */
  readonly index: number
}

/** The data that determine all batches, as plain data. */
export interface DetectionPlan {
  readonly transforms: readonly DetectionTransform[]
  readonly batchSize: number
  readonly seed: number
  /** The size [height, width] to which images are padded. */
  readonly imageSize: Size
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/**
 * Makes the batches of a plan. A batch depends only on the plan and the job. Rows that pad a short batch have zeros for
 * pixels and ones for the mask. So no model divides by the size of an empty image.
 */
export function detectionBatchMaker(
  dataset: DetectionDataset,
  plan: DetectionPlan,
): (job: BatchJob) => Promise<DetectionBatch> {
  const { batchSize, imageSize, transforms, mean, std, seed } = plan
  const [height, width] = imageSize
  const area = height * width
  const numbers = [normalize(mean, std)]
  return async ({ epoch, index, examples }) => {
    const images = new Float32Array(batchSize * area * 3)
    const mask = new Float32Array(batchSize * area)
    const weights = new Float32Array(batchSize)
    const sizes: Size[] = []
    const originals: Size[] = []
    const targets: Target[] = []
    const epochKey = foldKey(keyFromSeed(seed), "augment", epoch)
    let row = 0
    for await (const [example, read] of readAhead(examples, (each, admit) => dataset.read(each, admit))) {
      const key = foldKey(epochKey, index * batchSize + row)
      const { image, objects } = transformExample({ image: read, objects: dataset.objects(example) }, transforms, key)
      if (image.height > height || image.width > width)
        throw new VitrineError(
          "shape",
          `${dataset.describe(example)}: is ${image.height}×${image.width} after the transforms, more than ${height}×${width}`,
        )
      const { data } = applyTransforms(image, numbers)
      const stride = image.width * 3
      for (let y = 0; y < image.height; y++) {
        const start = (row * height + y) * width
        images.set(data.subarray(y * stride, (y + 1) * stride), start * 3)
        mask.fill(1, start, start + image.width)
      }
      sizes.push([image.height, image.width])
      originals.push([read.height, read.width])
      targets.push(targetOf(objects, image.height, image.width))
      weights[row] = 1
      row++
    }
    mask.fill(1, examples.length * area)
    while (targets.length < batchSize) {
      sizes.push(imageSize)
      originals.push(imageSize)
      targets.push({ labels: new Int32Array(0), boxes: new Float32Array(0) })
    }
    return { images, mask, sizes, originals, targets, examples, weights, size: batchSize, epoch, index }
  }
}

function targetOf(objects: Objects, height: number, width: number): Target {
  const single = objectList(objects).filter(({ crowd }) => !crowd)
  const shares = single.map(({ box: [x0, y0, x1, y1] }) => [x0 / width, y0 / height, x1 / width, y1 / height] as const)
  return {
    labels: Int32Array.from(single, ({ label }) => label),
    boxes: Float32Array.from(toCenters(packBoxes(shares))),
  }
}
