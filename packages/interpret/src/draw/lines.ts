import { type Axis, scaled } from "./axes.ts"
import { element, fitted, text, textWidth, tooltip } from "./svg.ts"
import type { Theme } from "./colors.ts"

export interface Line {
  readonly points: readonly (readonly [x: number, y: number])[]
  readonly color: string
  readonly opacity?: number
  readonly thick?: number
  /** Whether each point is marked, if there are not too many. */
  readonly dots?: boolean
  /** What a page says of it where the pointer is. */
  readonly name?: string
}

/** A line in a frame of axes. */
export function drawLine(
  { points, color, opacity, thick = 2.2, dots, name }: Line,
  { x, y, width, height }: { readonly x: Axis; readonly y: Axis; readonly width: number; readonly height: number },
): string[] {
  const at = points.map(([across, up]) => [scaled(x, across, 0, width), scaled(y, up, height, 0)] as const)
  const title = name === undefined ? [] : [tooltip(name)]
  const path = element(
    "path",
    {
      d: `M${at.map(([across, down]) => `${across.toFixed(1)} ${down.toFixed(1)}`).join("L")}`,
      fill: "none",
      stroke: color,
      "stroke-width": thick,
      "stroke-opacity": opacity,
      "stroke-linejoin": "round",
    },
    ...title,
  )
  const drawn = points.length > 1 ? [path] : []
  if (!dots || points.length > 60) return drawn
  return [...drawn, ...at.map(([cx, cy]) => element("circle", { cx, cy, r: 3, fill: color }, ...title))]
}

const key = { line: 26, gap: 18, row: 18, longest: 260 }

/** Names of colours in rows of a width, each ending at its right; the first stands on the origin. */
export function legend(
  keys: readonly (readonly [color: string, name: string])[],
  width: number,
  theme: Theme,
): { readonly content: readonly string[]; readonly height: number } {
  const rows: { color: string; name: string; wide: number }[][] = [[]]
  const across = (row: readonly { wide: number }[]): number =>
    row.reduce((sum, { wide }) => sum + wide + key.gap, -key.gap)
  for (const [color, full] of keys) {
    const name = fitted(full, Math.min(width - key.line, key.longest), 11)
    const each = { color, name, wide: key.line + textWidth(name, 11) }
    if (across([...(rows.at(-1) ?? []), each]) > width) rows.push([each])
    else rows.at(-1)?.push(each)
  }
  const content = rows.flatMap((row, i) => {
    let left = width - across(row)
    return row.map(({ color, name, wide }) => {
      const at = left
      left += wide + key.gap
      return element(
        "g",
        { transform: `translate(${at.toFixed(1)} ${i * key.row})` },
        element("path", { d: "M0 -4h20", stroke: color, "stroke-width": 2.4 }),
        text(key.line, 0, name, { size: 11, fill: theme.muted }),
      )
    })
  })
  return { content, height: rows.length * key.row }
}
