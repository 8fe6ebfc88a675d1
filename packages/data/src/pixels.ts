import { VitrineError } from "@vitrine/core"
import type { Dataset, PixelsSource } from "./dataset.ts"

/**
 * A data set of images of one size in memory.
 * @throws VitrineError if counts or labels do not fit
 */
export function pixels(source: Omit<PixelsSource, "kind">): Dataset {
  const { name, classes, height, width, channels, pixels: data, labels, labelSets } = source
  const size = height * width * channels
  if (data.length !== size * labels.length)
    throw new VitrineError(
      "file",
      `${name}: ${data.length} bytes are not ${labels.length} images of ${height}×${width}×${channels}`,
    )
  if (labelSets === undefined) checkLabels(name, labels, classes.length)
  return {
    name,
    classes,
    length: labels.length,
    channels,
    labels,
    ...(labelSets && { labelSets }),
    source: { kind: "pixels", ...source },
    describe: (index) => `${name}, image ${index}`,
    read: async (index) => ({ width, height, channels, data: data.subarray(index * size, (index + 1) * size) }),
  }
}

/** @throws VitrineError (file) for a label without a class */
export function checkLabels(name: string, labels: ArrayLike<number>, classes: number): void {
  const example = Array.from(labels).findIndex((label) => !(label >= 0 && label < classes))
  if (example >= 0)
    throw new VitrineError(
      "file",
      `${name}: example ${example} has class ${labels[example]}, but there are ${classes} classes`,
    )
}
