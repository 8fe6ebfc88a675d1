import { format } from "d3-format"
import type { Confusion } from "../data/confusion.ts"
import { colorBar, colorBarWidth, sideways } from "../draw/axes.ts"
import { blend } from "../draw/colors.ts"
import { imageElement, imageOf } from "../draw/raster.ts"
import { element, type FigureStyle, figure, fitted, text, textWidth, themeOf } from "../draw/svg.ts"

/** The greatest number of classes for which cells show counts, and for which classes have names at the sides. */
const most = { counts: 20, names: 60 }

/**
 * Draws a confusion matrix. True classes are rows, predicted classes are columns. Colours show shares of the true
 * class.
 */
export function confusionFigure({ labels, counts, shares, accuracy }: Confusion, style: FigureStyle = {}): string {
  const theme = themeOf(style)
  const classes = labels.length
  const cell = Math.min(46, 560 / classes)
  const side = cell * classes
  const colors = blend(theme.background, theme.blue)
  const shareOf = (row: number, column: number): number => shares[row]?.[column] ?? 0
  // The root of the share makes rare confusions visible.
  const shade = (share: number) => colors(Math.sqrt(share))
  const map = imageElement(
    imageOf(classes, classes, (x, y) => shade(shareOf(y, x))),
    0,
    0,
    side,
    side,
  )
  const size = Math.min(12, cell * 0.3)
  const numbers = (row: readonly number[], i: number): string[] =>
    row.flatMap((count, k) => {
      if (count === 0) return []
      const fill = Math.sqrt(shareOf(i, k)) > 0.55 ? theme.background : theme.ink
      return [text((k + 0.5) * cell, (i + 0.5) * cell + size / 3, short(count), { size, fill, anchor: "middle" })]
    })
  const nameSize = Math.min(12, cell * 0.85)
  const shownLabels = classes > most.names ? [] : labels.map((label) => fitted(label, 130, nameSize))
  const room = Math.max(0, ...shownLabels.map((label) => textWidth(label, nameSize))) + 14
  const tilted = room - 14 > cell - 4
  const names = shownLabels.flatMap((label, i) => {
    const middle = (i + 0.5) * cell
    const style = { size: nameSize, fill: theme.ink, anchor: "end" } as const
    const across = tilted
      ? text(0, 0, label, { ...style, transform: `translate(${middle + nameSize / 3} ${side + 10}) rotate(-45)` })
      : text(middle, side + 8 + nameSize, label, { ...style, anchor: "middle" })
    return [text(-8, middle + nameSize / 3, label, style), across]
  })
  const under = (tilted ? room * 0.72 : nameSize) + 26
  const content = [
    map,
    element("rect", { width: side, height: side, fill: "none", stroke: theme.grid }),
    ...(classes > most.counts ? [] : counts.flatMap(numbers)),
    ...names,
    text(side / 2, side + under, "Predicted class", { fill: theme.ink, anchor: "middle", bold: true }),
    sideways(-room - 8, side / 2, "True class", theme.ink, true),
    colorBar(side + 18, side, [0, 1], shade, "Share of the true class", theme),
  ]
  const left = room + 26
  const total = counts.flat().reduce((a, b) => a + b, 0)
  return figure({
    title: "Confusion matrix",
    subtitle: `${format(".2%")(accuracy)} of ${format(",")(total)} images are on the diagonal: their class is predicted`,
    theme,
    width: left + side + 18 + colorBarWidth,
    height: side + under + 6,
    content: [element("g", { transform: `translate(${left} 0)` }, ...content)],
  })
}

const short = (count: number): string => (count < 10000 ? String(count) : format(".2~s")(count))
