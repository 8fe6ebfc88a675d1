import { useSignal } from "@preact/signals"
import type { JSX, TargetedPointerEvent } from "preact"
import { useRef } from "preact/hooks"
import { brief } from "./format.ts"
import { useTable } from "./tables.tsx"
import { useWidth } from "./width.ts"

export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  /** The number of a colour of the design, 1 … 5. */
  readonly color: number
  /** Whether to draw dots without a line. */
  readonly dots?: boolean
  readonly labels?: readonly string[]
  /** The side of the points for their labels. Without it there are no labels. */
  readonly labelSide?: "above" | "below"
}

export interface PlotProps {
  readonly series: readonly Series[]
  readonly label: string
  readonly x: string
  readonly y: string
  readonly logX?: boolean
  readonly logY?: boolean
  readonly yRange?: readonly [number, number]
  readonly xRange?: readonly [number, number]
  readonly height?: number
  /** Ticks of the x axis. A name may have two lines. A name that would touch the one before is left out. */
  readonly xTicks?: readonly { readonly at: number; readonly name: string }[]
  readonly show?: (value: number) => string
  readonly showX?: (value: number) => string
}

/** Lines and dots on two axes. The reader can read the value of each point with pointer and keyboard. */
export function Plot(props: PlotProps): JSX.Element {
  const { series, label, logX = false, logY = false, height = 320, show = brief, showX = brief } = props
  const box = useRef<HTMLDivElement>(null)
  const width = useWidth(box)
  const all = series.flatMap(({ points }) => points)
  const isTall = props.xTicks?.some(({ name }) => name.includes("\n")) === true
  const margin = { left: 76, right: 16, top: 14, bottom: isTall ? 62 : 46 }
  const xs = range(
    all.map(([x]) => x),
    props.xRange,
    logX,
  )
  const ys = range(
    all.map(([, y]) => y),
    props.yRange,
    logY,
  )
  const place = (value: number, [low, high]: readonly [number, number], log: boolean): number =>
    log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)
  const px = (x: number): number => margin.left + place(x, xs, logX) * (width - margin.left - margin.right)
  const py = (y: number): number => height - margin.bottom - place(y, ys, logY) * (height - margin.top - margin.bottom)
  const focus = useSignal<readonly [series: number, point: number] | null>(null)
  const points = series.flatMap((each, s) => each.points.map((_, p) => [s, p] as const))
  const nearest = (event: TargetedPointerEvent<SVGSVGElement>): void => {
    const box = event.currentTarget.getBoundingClientRect()
    const x = ((event.clientX - box.left) * width) / box.width
    const y = ((event.clientY - box.top) * height) / box.height
    let best = Number.POSITIVE_INFINITY
    for (const [s, { points }] of series.entries())
      for (const [p, point] of points.entries()) {
        const distance = Math.hypot(px(point[0]) - x, py(point[1]) - y)
        if (distance < best) {
          best = distance
          focus.value = [s, p]
        }
      }
  }
  const move = (by: number): void => {
    const at = focus.value === null ? -1 : points.findIndex(([s, p]) => s === focus.value?.[0] && p === focus.value[1])
    focus.value = points[Math.min(points.length - 1, Math.max(0, at + by))] ?? null
  }
  useTable(box, () => ({
    label,
    corner: "",
    columns: [props.x, props.y],
    rows: series.flatMap(({ name, points, labels }) =>
      points.map(([x, y], i) => ({ name: labels?.[i] ?? name, values: [showX(x), show(y)] })),
    ),
  }))
  const focused = focus.value === null ? undefined : series[focus.value[0]]
  const point = focus.value === null ? undefined : focused?.points[focus.value[1]]
  return (
    <div class="plot" ref={box} data-values>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="application"
        aria-label={label}
        tabindex={0}
        onPointerMove={nearest}
        onPointerDown={nearest}
        onPointerLeave={() => {
          focus.value = null
        }}
        onKeyDown={(event) => {
          const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
          if (by === undefined) return
          event.preventDefault()
          move(by)
        }}
      >
        {ticks(ys, logY).map((y) => (
          <g key={y}>
            <line class="grid" x1={margin.left} x2={width - margin.right} y1={py(y)} y2={py(y)} />
            <text x={margin.left - 8} y={py(y) + 4} text-anchor="end">
              {round(show(y))}
            </text>
          </g>
        ))}
        {apart(
          props.xTicks ?? ticks(xs, logX, width < 450 ? 4 : 5).map((at) => ({ at, name: round(showX(at)) })),
          px,
        ).map(({ at, name }) => (
          <text key={at} y={height - margin.bottom + 20} text-anchor="middle">
            {name.split("\n").map((line, i) => (
              <tspan key={line} x={px(at)} dy={16 * i}>
                {line}
              </tspan>
            ))}
          </text>
        ))}
        <line
          class="axis"
          x1={margin.left}
          x2={width - margin.right}
          y1={height - margin.bottom}
          y2={height - margin.bottom}
        />
        <text class="axis-name" x={(margin.left + width - margin.right) / 2} y={height - 6} text-anchor="middle">
          {props.x}
        </text>
        <text
          class="axis-name"
          transform={`translate(14 ${(height - margin.bottom) / 2}) rotate(-90)`}
          text-anchor="middle"
        >
          {props.y}
        </text>
        {series.map((each) => (
          <g key={each.name} class={`series c${each.color}`}>
            {each.dots ? null : <polyline points={each.points.map(([x, y]) => `${px(x)},${py(y)}`).join(" ")} />}
            {each.dots || each.points.length < 40
              ? each.points.map(([x, y], i) => <circle key={i} cx={px(x)} cy={py(y)} r={each.dots ? 5 : 3} />)
              : null}
            {each.labelSide !== undefined
              ? each.points.map(([x, y], i) => (
                  <text
                    key={i}
                    x={px(x)}
                    y={py(y) + (each.labelSide === "above" ? -10 : 20)}
                    text-anchor={anchor(px(x), margin.left, width)}
                  >
                    {each.labels?.[i]}
                  </text>
                ))
              : null}
          </g>
        ))}
        {point === undefined ? null : (
          <circle class={`focus c${focused?.color}`} cx={px(point[0])} cy={py(point[1])} r={8} />
        )}
      </svg>
      <output class="readout" aria-live="polite">
        {focused === undefined || point === undefined ? (
          <span class="keys">
            {/* A single series that is named like the axis needs no key. */}
            {series.length === 1 && (series[0]?.name === props.y || series[0]?.name === label)
              ? null
              : series.map(({ name, color }) => (
                  <span key={name} class={`key c${color}`}>
                    {name}
                  </span>
                ))}
          </span>
        ) : (
          <>
            {focused.labels?.[focus.value?.[1] ?? 0] ?? focused.name} · {props.x} {showX(point[0])} · {props.y}{" "}
            <b>{show(point[1])}</b>
          </>
        )}
      </output>
    </div>
  )
}

function range(
  values: readonly number[],
  fixed: readonly [number, number] | undefined,
  log: boolean,
): readonly [number, number] {
  if (fixed !== undefined) return fixed
  const finite = values.filter(Number.isFinite)
  const [low, high] = [Math.min(...finite), Math.max(...finite)]
  if (finite.length === 0) return log ? [1, 10] : [0, 1]
  if (log) return [low / 1.2, high * 1.2]
  const room = (high - low || Math.abs(high) || 1) * 0.06
  return [low >= 0 && low < room * 4 ? 0 : low - room, high + room]
}

/** The text anchor that keeps a label between the axis and the edge. */
const anchor = (x: number, left: number, right: number): "start" | "middle" | "end" =>
  x < left + 30 ? "start" : x > right - 60 ? "end" : "middle"

/** "100.0 %" → "100 %" */
const round = (text: string): string => text.replace(/\.0+(?=\D*$)/, "")

/** Selects ticks whose names do not touch. A letter of 13 px is at most 7.6 px wide. */
function apart<T extends { readonly at: number; readonly name: string }>(
  marks: readonly T[],
  px: (at: number) => number,
): T[] {
  let free = Number.NEGATIVE_INFINITY
  return marks.filter(({ at, name }) => {
    const half = 3.8 * Math.max(...name.split("\n").map((line) => line.length))
    if (px(at) - half < free) return false
    free = px(at) + half + 6
    return true
  })
}

/** About five round numbers. */
function ticks([low, high]: readonly [number, number], log: boolean, most = 5): number[] {
  if (log && high > 4 * low) {
    const marks: number[] = []
    const steps = Math.log10(high / low) < 2 ? [1, 2, 5] : [1]
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
      for (const step of steps) if (step * 10 ** e >= low && step * 10 ** e <= high) marks.push(step * 10 ** e)
    return marks
  }
  const rough = (high - low) / most
  const unit = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5, 10].find((n) => n * unit >= rough) ?? 10) * unit
  const marks: number[] = []
  for (let at = Math.ceil(low / step) * step; at <= high + 1e-9; at += step) marks.push(Number(at.toPrecision(12)))
  return marks
}
