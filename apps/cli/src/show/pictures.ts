import type { PredictedImage } from "@vitrine/interpret"
import type { Image } from "vitrine"
import { colors, currentIo } from "../output.ts"
import { percent, printable } from "./text.ts"

/** Predictions as text: the first eight with their pictures if colours can be shown, or else a list of all. */
export function picturesInText(predictions: readonly PredictedImage[], pictures: boolean): string {
  return pictures
    ? pictureRows(predictions.slice(0, 8))
    : predictions.map((each) => `  ${captionLines(each).join(" ")}`).join("\n")
}

/** A mark and the predicted class. If the true class is another, it follows in brackets. */
function captionLines({ label, predicted, probability }: PredictedImage): string[] {
  const right = label === predicted
  return [
    `${right ? "✓" : "✗"} ${printable(predicted)} ${percent(probability, 0)}`,
    ...(right ? [] : [`(it is: ${printable(label)})`]),
  ]
}

/** Rows of as many pictures as fit into the terminal, each above its caption. */
function pictureRows(predictions: readonly PredictedImage[]): string {
  const { green, red } = colors
  const side = Math.max(...predictions.map(({ image }) => image.width))
  const perRow = Math.max(1, Math.floor(((currentIo().stdout.columns ?? 80) + 2) / (side + 2)))
  const lines: string[] = []
  for (let from = 0; from < predictions.length; from += perRow) {
    const cells = predictions.slice(from, from + perRow).map((prediction) => {
      const paint = prediction.label === prediction.predicted ? green : red
      const [first = "", second = ""] = captionLines(prediction)
      const captions = [first, second].map((line) => paint(line.slice(0, side).padEnd(side)))
      return [...halfBlocks(prediction.image), ...captions]
    })
    const height = Math.max(...cells.map(({ length }) => length))
    for (let y = 0; y < height; y++) lines.push(cells.map((cell) => cell[y] ?? "").join("  "))
    lines.push("")
  }
  return lines.join("\n")
}

/** An image as lines of half blocks. Each character shows two pixels, one above the other. */
function halfBlocks({ width, height, channels, data }: Image): string[] {
  const color = (x: number, y: number): string => {
    const at = (Math.min(y, height - 1) * width + x) * channels
    return [0, 1, 2].map((c) => data[at + (channels === 1 ? 0 : c)]).join(";")
  }
  return Array.from({ length: Math.ceil(height / 2) }, (_, row) => {
    let line = ""
    for (let x = 0; x < width; x++) line += `\x1b[38;2;${color(x, 2 * row)};48;2;${color(x, 2 * row + 1)}m▀`
    return `${line}\x1b[0m`
  })
}
