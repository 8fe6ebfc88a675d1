import { type Axis, scaled } from "./axes.ts"
import type { Theme } from "./colors.ts"
import { element, fitted, text, textWidth, tooltip } from "./svg.ts"

export interface Line {
  readonly points: readonly (readonly [x: number, y: number])[]
  readonly color: string
  readonly opacity?: number
  /** The width of the stroke. */
  readonly thick?: number
  /** Whether to draw a dot at each point. Lines of more than 60 points have no dots. */
  readonly dots?: boolean
  /** The text that a page shows when the pointer is on the line. */
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
  const paths = points.length > 1 ? [path] : []
  if (!dots || points.length > 60) return paths
  return [...paths, ...at.map(([cx, cy]) => element("circle", { cx, cy, r: 3, fill: color }, ...title))]
}

const key = { line: 26, gap: 18, row: 18, longest: 260 }

interface LegendKey {
  readonly color: string
  readonly name: string
  readonly width: number
}

/** The names of the colours, in rows that are aligned at the right. The first row is at the origin. */
export function legend(
  keys: readonly (readonly [color: string, name: string])[],
  width: number,
  theme: Theme,
): { readonly content: readonly string[]; readonly height: number } {
  const rows: LegendKey[][] = []
  const across = (row: readonly LegendKey[]): number => row.reduce((sum, { width }) => sum + width + key.gap, -key.gap)
  for (const [color, full] of keys) {
    const name = fitted(full, Math.min(width - key.line, key.longest), 11)
    const next = { color, name, width: key.line + textWidth(name, 11) }
    const row = rows.at(-1)
    if (row === undefined || across([...row, next]) > width) rows.push([next])
    else row.push(next)
  }
  const content = rows.flatMap((row, i) => {
    let left = width - across(row)
    return row.map(({ color, name, width }) => {
      const at = left
      left += width + key.gap
      return element(
        "g",
        { transform: `translate(${at.toFixed(1)} ${i * key.row})` },
        element("path", { d: "M0 -4h20", stroke: color, "stroke-width": 2.4 }),
        text(key.line, 0, name, { size: 11, fill: theme.muted }),
      )
    })
  })
  return { content, height: Math.max(1, rows.length) * key.row }
}
