import { elementAt, entryOf } from "../checked.ts"

/** What a model of photographs needs for an answer in two parts. `scripts/calibrate.mjs` fits it on held-out pictures. */
export interface Calibration {
  /** Logits are divided by it, so that probabilities are as often right as they say. */
  readonly temperature: number
  /** A picture is none of the classes if the product of its features with `weight` is above `threshold`. */
  readonly unknown: {
    readonly taps: readonly string[]
    readonly weight: readonly number[]
    readonly threshold: number
  }
}

interface Tap {
  readonly data: ArrayLike<number>
  readonly shape: readonly number[]
}

/** The mean of each channel over a picture's places, then the standard deviation of each, for one tap after another. */
export function channelFeatures(taps: Readonly<Record<string, Tap>>, names: readonly string[]): number[] {
  return names.flatMap((name) => {
    const { data, shape } = entryOf(taps, name)
    const channels = elementAt(shape, shape.length - 1)
    const places = data.length / channels
    const means = new Array<number>(channels).fill(0)
    const squares = new Array<number>(channels).fill(0)
    for (let i = 0; i < data.length; i++) {
      const [x, c] = [elementAt(data, i), i % channels]
      means[c] = elementAt(means, c) + x / places
      squares[c] = elementAt(squares, c) + (x * x) / places
    }
    return [...means, ...squares.map((square, c) => Math.sqrt(Math.max(0, square - elementAt(means, c) ** 2)))]
  })
}

/** Whether a picture is none of the classes, by its taps. */
export function isUnknown(
  { taps: names, weight, threshold }: Calibration["unknown"],
  taps: Readonly<Record<string, Tap>>,
): boolean {
  const features = channelFeatures(taps, names)
  return features.reduce((sum, x, i) => sum + x * elementAt(weight, i), 0) > threshold
}
