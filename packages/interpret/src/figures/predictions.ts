import type { Image } from "@vitrine/data"
import { format } from "d3-format"
import { type FigureStyle, figure, themeOf } from "../draw/svg.ts"
import { tiles } from "../draw/tiles.ts"

/** An image with its class and the likeliest class by a model. */
export interface PredictedImage {
  readonly image: Image
  readonly label: string
  readonly predicted: string
  /** Of the predicted class, in [0, 1]. */
  readonly probability: number
}

/** Images with the predicted class under each, and the true one where they differ. The images are of one size. */
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
