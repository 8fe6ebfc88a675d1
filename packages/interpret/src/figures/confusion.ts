import { format } from "d3-format"
import type { Confusion } from "../data/confusion.ts"
import { colorBar, colorBarWidth } from "../draw/axes.ts"
import { blend } from "../draw/colors.ts"
import { drawn, imageElement } from "../draw/raster.ts"
import { element, type FigureStyle, figure, fitted, text, textWidth, themeOf } from "../draw/svg.ts"

/** How many classes still have their numbers written in the cells, and their names beside them. */
const written = 20
const named = 60

/** The confusion matrix: true classes down, predicted ones across, coloured by the share of the true class. */
export function confusionFigure({ labels, counts, shares, accuracy }: Confusion, style: FigureStyle = {}): string {
  const theme = themeOf(style)
  const classes = labels.length
  const cell = Math.min(46, 560 / classes)
  const side = cell * classes
  const colors = blend(theme.background, theme.blue)
  // A root, so that rare confusions are seen at all.
  const shade = (share: number) => colors(Math.sqrt(share))
  const map = imageElement(
    drawn(classes, classes, (x, y) => shade((shares[y] as readonly number[])[x] as number)),
    0,
    0,
    side,
    side,
  )
  const size = Math.min(12, cell * 0.3)
  const cells =
    classes > written
      ? []
      : counts.flatMap((row, i) =>
          row.flatMap((count, k) => {
            if (count === 0) return []
            const share = (shares[i] as readonly number[])[k] as number
            const fill = Math.sqrt(share) > 0.55 ? theme.background : theme.ink
            return [text((k + 0.5) * cell, (i + 0.5) * cell + size / 3, short(count), { size, fill, anchor: "middle" })]
          }),
        )
  const nameSize = Math.min(12, cell * 0.85)
  const shown = classes > named ? [] : labels.map((label) => fitted(label, 130, nameSize))
  const room = Math.max(0, ...shown.map((label) => textWidth(label, nameSize))) + 14
  const tilted = room - 14 > cell - 4
  const names = shown.flatMap((label, i) => {
    const middle = (i + 0.5) * cell
    const style = { size: nameSize, fill: theme.ink, anchor: "end" as const }
    const across = tilted
      ? text(0, 0, label, { ...style, transform: `translate(${middle + nameSize / 3} ${side + 10}) rotate(-45)` })
      : text(middle, side + 8 + nameSize, label, { ...style, anchor: "middle" })
    return [text(-8, middle + nameSize / 3, label, style), across]
  })
  const under = (tilted ? room * 0.72 : nameSize) + 26
  const axis = [
    text(side / 2, side + under, "Predicted class", { fill: theme.ink, anchor: "middle", bold: true }),
    text(0, 0, "True class", {
      fill: theme.ink,
      anchor: "middle",
      bold: true,
      transform: `translate(${-room - 8} ${side / 2}) rotate(-90)`,
    }),
  ]
  const frame = element("rect", { width: side, height: side, fill: "none", stroke: theme.grid })
  const bar = colorBar(side + 18, side, [0, 1], shade, "Share of the true class", theme)
  const left = room + 26
  return figure({
    title: "Confusion matrix",
    subtitle: `${format(".2%")(accuracy)} of ${format(",")(counts.flat().reduce((a, b) => a + b, 0))} images are on the diagonal: classified as what they are`,
    theme,
    width: left + side + 18 + colorBarWidth,
    height: side + under + 6,
    content: [element("g", { transform: `translate(${left} 0)` }, map, frame, ...cells, ...names, ...axis, bar)],
  })
}

const short = (count: number): string => (count < 10000 ? String(count) : format(".2~s")(count))
