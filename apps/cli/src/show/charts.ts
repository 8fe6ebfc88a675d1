import { type Curve, type Point, curveScores, smoothCurve } from "@vitrine/interpret"
import { plot } from "simple-ascii-chart"
import { colors, currentIo } from "../output.ts"
import { count, short } from "./text.ts"

/** The curves as characters: the loss, and the score if it was measured more than once. */
export function charts({ steps, measure, evaluations, split }: Curve): string {
  const width = Math.max(30, Math.min(72, (currentIo().stdout.columns ?? 80) - 14))
  const loss = smoothCurve(
    steps.map(({ step, loss }): Point => [step, loss]),
    width,
  )
  const measured = evaluations.map(({ step, score }): Point => [step, 100 * score])
  const parts: string[] = []
  if (loss.length > 1) parts.push(chart("Training loss", loss, width, "ansiBlue"))
  const title = `${split === "test" ? "Test" : "Validation"} ${curveScores[measure]}, %`
  if (measured.length > 1) parts.push(chart(title, measured, width, "ansiGreen"))
  return parts.join("\n")
}

function chart(title: string, points: readonly Point[], width: number, color: "ansiBlue" | "ansiGreen"): string {
  const drawn = plot(
    points.map(([x, y]): [number, number] => [x, y]),
    {
      width,
      height: 8,
      formatter: (value, { axis }) => (axis === "x" ? count(value) : short(value)),
      customXAxisTicks: [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 0],
      ...(colors.isColorSupported ? { color } : {}),
    },
  )
  return `${colors.bold(title)}\n${drawn.replace(/^\s*\n/, "").trimEnd()}\n`
}
