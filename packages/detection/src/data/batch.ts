import { foldKey, keyFromSeed, VitrineError } from "@vitrine/core"
import { applyTransforms, normalize, type Size } from "@vitrine/data"
import { type BatchJob, readAhead } from "@vitrine/data/internal"
import { packBoxes, toCenters } from "../boxes/boxes.ts"
import type { DetectionDataset } from "./dataset.ts"
import { type Objects, objectList } from "./objects.ts"
import { transformExample, type DetectionTransform } from "./transforms.ts"

/** The objects of an image that a model learns to detect, without crowds. */
export interface Target {
  /** [n]. */
  readonly labels: Int32Array
  /** Centre x and y, width and height in [0, 1] of the image without its padding, [n, 4]. */
  readonly boxes: Float32Array
}

/** The images and targets of one step of training. The arrays belong to the receiver of the batch. */
export interface DetectionBatch {
  /** Normalised, each in the upper left corner, zeros around: [size, height, width, 3]. */
  readonly images: Float32Array
  /** 1 where an image is, 0 where it is padded: [size, height, width]. */
  readonly mask: Float32Array
  /** [height, width] of each image without its padding, [size]. */
  readonly sizes: readonly Size[]
  /** [height, width] of each image before the transforms, [size]. */
  readonly originals: readonly Size[]
  /** [size]; none for padding rows. */
  readonly targets: readonly Target[]
  /** The place in the data set of each row that is no padding. */
  readonly examples: Uint32Array
  /** 1, or 0 for the rows that pad a short last batch, [size]. */
  readonly weights: Float32Array
  /** The number of rows with padding: always the batch size. */
  readonly size: number
  readonly epoch: number
  /** Place in the epoch. */
  readonly index: number
}

/** Everything that batches follow from: plain data. */
export interface DetectionPlan {
  readonly transforms: readonly DetectionTransform[]
  readonly batchSize: number
  readonly seed: number
  /** [height, width] that images are padded to. */
  readonly imageSize: Size
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/**
 * Makes the batches of a plan. A batch depends on the plan and the job alone. Rows that pad a short batch have zeros for pixels,
 * and a mask of ones, so that no model divides by the size of an empty image.
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
    for await (const [example, read] of readAhead(examples, (each) => dataset.read(each))) {
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
