import type { Image } from "@vitrine/data"
import { format } from "d3-format"
import { type FigureStyle, figure, themeOf } from "../draw/svg.ts"
import { tiles } from "../draw/tiles.ts"

/** An image with its true class and the class that a model predicts. */
export interface PredictedImage {
  readonly image: Image
  readonly label: string
  readonly predicted: string
  /** The probability of the predicted class, in [0, 1]. */
  readonly probability: number
}

/**
 * Draws images with the predicted class under each, and the true class if it differs. All images must have the same
 * size.
 */
export function predictionsFigure(predictions: readonly PredictedImage[], style: FigureStyle = {}): string {
  const theme = themeOf(style)
  const right = predictions.filter(({ label, predicted }) => label === predicted).length
  const cells = predictions.map(({ image, label, predicted, probability }) => {
    const prediction = { content: `${predicted} ${format(".0%")(probability)}`, bold: true }
    const caption =
      label === predicted
        ? [{ ...prediction, fill: theme.green }]
        : [
            { ...prediction, fill: theme.red },
            { content: `it is: ${label}`, fill: theme.ink },
          ]
    return { images: [image], caption }
  })
  return figure({
    title: "Predictions",
    subtitle: `The class that the model predicts for each image, and its probability; ${right} of ${predictions.length} are right`,
    theme,
    ...tiles(cells, { columns: 6, side: 156, gap: 16, captionSize: 14, theme }),
  })
}
