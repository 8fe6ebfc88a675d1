import { foldKey, type Key, type RandomStream, randomStream, VitrineError } from "@vitrine/core"
import type { FloatImage, Image } from "../image.ts"
import { resizeToNumbers } from "../resize/numbers.ts"
import { cropImage, cropNumbers, resizeImage, type Window } from "../resize/resize.ts"
import { wasmPasses } from "../resize/wasm.ts"
import { centerWindow, mirrored, randomWindow, resizedSize, shifted, toGray, toThree } from "./geometry.ts"
import { augmented } from "./randaugment.ts"
import { checkTransforms } from "./fields.ts"
import type { CenterCrop, RandomErasing, Resize, Size, Transform } from "./transforms.ts"

/** Checked transforms that are prepared for many images. */
export interface Pipeline {
  /** The image after the transforms before `normalize`. */
  image(image: Image, key: Key): Image | FloatImage
  /**
   * Applies the other transforms to this image. It writes numbers, [height, width, channels], at `offset` in `out`.
   */
  numbers(image: Image | FloatImage, key: Key, out: Float32Array, offset: number): void
}

/** A model's input, [height, width, channels], with its shape. */
export interface TransformedImage {
  readonly data: Float32Array
  readonly shape: readonly [number, number, number]
}

/**
 * Applies transforms to one image. Without `normalize` the result is x / 255.
 * @param key determines everything random: equal keys give equal numbers
 * @throws VitrineError for impossible transforms, or ones that do not fit the image
 */
export function applyTransforms(image: Image, transforms: readonly Transform[], key: Key = [0, 0]): TransformedImage {
  const steps = pipeline(transforms)
  const pixels = steps.image(image, key)
  const data = new Float32Array(pixels.data.length)
  steps.numbers(pixels, key, data, 0)
  return { data, shape: [pixels.height, pixels.width, pixels.channels] }
}

/** Checks transforms and prepares them for many images. */
export function pipeline(transforms: readonly Transform[]): Pipeline {
  checkTransforms(transforms)
  const normalize = transforms.find((step) => step.op === "normalize")
  const imageSteps = normalize === undefined ? transforms : transforms.slice(0, transforms.indexOf(normalize))
  const float = imageSteps.find((step) => step.op === "resize" && step.precision === "float")
  const byteSteps = float === undefined ? imageSteps : imageSteps.slice(0, imageSteps.indexOf(float))
  const erasing = transforms.flatMap((step, at) => (step.op === "randomErasing" ? [{ step, at }] : []))
  const { mean, std } = normalize ?? { mean: [0], std: [1] }
  // One mean counts for all channels.
  const normalized = (value: number, c: number): number =>
    (value / 255 - (mean[c % mean.length] ?? 0)) / (std[c % std.length] ?? 1)
  const stages = byteSteps.flatMap((step, at): ((image: Image, key: Key) => Image)[] => {
    const [previous, next] = [byteSteps[at - 1], byteSteps[at + 1]]
    if (step.op === "centerCrop" && previous?.op === "resize") return []
    if (step.op !== "resize") return [(image, key) => applyStep(image, step, key, at)]
    return [(image) => resized(image, step, next?.op === "centerCrop" ? next : undefined)]
  })

  return {
    image(image, key) {
      const bytes = stages.reduce((current, stage) => stage(current, key), image)
      return float?.op === "resize" ? resizedToNumbers(bytes, float, imageSteps.slice(byteSteps.length + 1)) : bytes
    },
    numbers({ width, height, channels, data }, key, out, offset) {
      if (channels === 4) throw new VitrineError("shape", "an image with alpha is no model's input; add toRgb()")
      if (mean.length !== 1 && mean.length !== channels)
        throw new VitrineError("shape", `normalize has ${mean.length} means, the image ${channels} channels`)
      const end = offset + data.length
      if (end > out.length)
        throw new VitrineError("shape", `${height}×${width}×${channels} numbers do not fit in ${out.length - offset}`)
      if (data instanceof Float32Array)
        for (const [i, value] of data.entries()) out[offset + i] = normalized(value, i % channels)
      else wasmPasses().normalize(data, { mean, std }, out, offset)
      for (const { step, at } of erasing)
        erase(out.subarray(offset, end), [height, width], channels, step, randomOf(key, at))
    },
  }
}

const randomOf = (key: Key, at: number): RandomStream => randomStream(foldKey(key, at))

/** The resized image. If a crop follows, only the visible part is computed. */
function resized(image: Image, step: Resize, crop?: CenterCrop): Image {
  const [height, width] = resizedSize(image.height, image.width, step)
  if (crop === undefined) return resizeImage(image, width, height, step.interpolation)
  const window = windowOf(height, width, crop)
  return contains(height, width, window)
    ? resizeImage(image, width, height, step.interpolation, window)
    : cropped(resizeImage(image, width, height, step.interpolation), crop)
}

/** The image as numbers, resized and then cropped. */
function resizedToNumbers(image: Image, step: Resize, crops: readonly Transform[]): FloatImage {
  const [height, width] = resizedSize(image.height, image.width, step)
  const whole = resizeToNumbers(image, width, height, step.interpolation)
  return crops.reduce(
    (part, crop) => (crop.op === "centerCrop" ? cropNumbers(part, cropWindow(part, crop), crop.fill) : part),
    whole,
  )
}

function windowOf(height: number, width: number, { size, rounding, place }: CenterCrop): Window {
  if (place === "whole" && (size[0] !== height || size[1] !== width))
    throw new VitrineError(
      "shape",
      `the image is ${height}×${width}, and the model's images are not resized (do_resize): they must be ${size.join("×")}`,
    )
  if (place !== undefined) return { x: 0, y: 0, height: size[0], width: size[1] }
  return centerWindow(height, width, size, rounding)
}

function cropped(image: Image, crop: CenterCrop): Image {
  return cropImage(image, cropWindow(image, crop), crop.fill)
}

function cropWindow({ width, height, channels }: Omit<Image, "data">, crop: CenterCrop): Window {
  const { fill } = crop
  if (fill !== undefined && fill.length !== channels)
    throw new VitrineError("shape", `centerCrop fills ${fill.length} channels, the image has ${channels}`)
  return windowOf(height, width, crop)
}

function applyStep(image: Image, step: Transform, key: Key, at: number): Image {
  switch (step.op) {
    case "resize":
      return resized(image, step)
    case "centerCrop":
      return cropped(image, step)
    case "randomResizedCrop": {
      const window = randomWindow(image.height, image.width, step, randomOf(key, at))
      const [height, width] = step.size
      return resizeImage(cropImage(image, window), width, height, step.interpolation)
    }
    case "randomCrop": {
      const random = randomOf(key, at)
      const [height, width] = step.size
      const [rows, columns] = [Math.round(height * step.scale), Math.round(width * step.scale)]
      const window = { x: random.integer(columns - width + 1), y: random.integer(rows - height + 1), width, height }
      return resizeImage(image, columns, rows, step.interpolation, window)
    }
    case "padCrop":
      return shifted(image, step.pad, randomOf(key, at))
    case "flip":
      return randomOf(key, at).uniform() < step.p ? mirrored(image) : image
    case "randAugment":
      return augmented(image, step.n, step.magnitude, randomOf(key, at))
    case "grayscale":
      return toGray(image)
    case "toRgb":
      return toThree(image)
    // These steps work on numbers.
    case "normalize":
    case "randomErasing":
      return image
  }
}

const contains = (height: number, width: number, window: Window): boolean =>
  window.x >= 0 && window.y >= 0 && window.x + window.width <= width && window.y + window.height <= height

/** timm's RandomErasing in its constant mode: one rectangle, with ten attempts to fit it. */
function erase(
  data: Float32Array,
  [height, width]: Size,
  channels: number,
  step: RandomErasing,
  random: RandomStream,
): void {
  if (random.uniform() >= step.p) return
  const within = (low: number, high: number): number => low + (high - low) * random.uniform()
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * within(step.scale[0], step.scale[1])
    const aspect = Math.exp(within(Math.log(step.ratio[0]), Math.log(step.ratio[1])))
    const h = Math.round(Math.sqrt(area * aspect))
    const w = Math.round(Math.sqrt(area / aspect))
    if (h >= height || w >= width) continue
    const top = random.integer(height - h + 1)
    const left = random.integer(width - w + 1)
    for (let y = top; y < top + h; y++) data.fill(0, (y * width + left) * channels, (y * width + left + w) * channels)
    return
  }
}
