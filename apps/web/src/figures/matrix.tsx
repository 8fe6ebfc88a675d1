import { type ReadonlySignal, useComputed, useSignal } from "@preact/signals"
import type { ColorScale } from "@vitrine/interpret"
import type { JSX } from "preact"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import { imageData } from "../engine/pixels.ts"
import { strings } from "../strings/index.ts"
import { type Domain, domainOf, heatPixels } from "./colors.ts"
import { type Cell, useCursor } from "./cursor.ts"
import { brief, format } from "./format.ts"
import { chosenToken, hoveredToken, type LinkedCell, linkedCell, markedToken, otherToken } from "./link.ts"
import { theme } from "./theme.ts"
import { type View, valueAt } from "./view.ts"
import type { MatrixProps } from "./matrix-props.ts"
import { Symbol } from "./symbol.tsx"
import { useTable, type ValueTable } from "./tables.tsx"
import { zoomed } from "./zoom.tsx"

/** A matrix as a heat map. The cursor shows the value of a cell, and a button enlarges the matrix. */
export function Matrix(props: MatrixProps): JSX.Element {
  const { view, label, rows, cols, symbol, tone, scale = "signed", cell = 22, tap } = props
  const domain = props.domain ?? domainOf(view.data, scale)
  const cursor = useCursor(view.rows, view.cols, (at, isChosen) => {
    const row = at && rows.firstToken !== undefined ? at.row + rows.firstToken : null
    const col = at && cols.firstToken !== undefined ? at.col + cols.firstToken : null
    hoveredToken.value = row ?? col
    otherToken.value = row === null ? null : col
    const token = row ?? col
    if (isChosen && token !== null) chosenToken.value = token
    const place = placeOf(box.current)
    if (isChosen && at !== null && place !== null) linkedCell.value = { ...place, ...at }
    props.onCell?.(at)
  })
  const box = useRef<HTMLDivElement>(null)
  const place = useSignal<ReturnType<typeof placeOf>>(null)
  useEffect(() => {
    place.value = placeOf(box.current)
  }, [])
  const shown = useComputed(() => {
    const { value: linked } = linkedCell
    const isHere = linked !== null && linked.step === place.value?.step && linked.matrix === place.value.matrix
    const isInside = isHere && linked.row < view.rows && linked.col < view.cols
    return cursor.cell.value ?? (isInside ? { row: linked.row, col: linked.col } : null)
  })
  // The attributes hold the values for scripts and tests.
  useEffect(() => {
    if (box.current !== null) Object.assign(box.current, { view })
  })
  useTable(box, () => tableOf(props))
  const t = strings.value.figure
  // A wide matrix has high cells, so that its rows can be told apart.
  const height = props.height ?? (view.cols > 2 * view.rows ? 9 * view.rows : 0)
  return (
    <div
      class={`matrix ${tone ?? ""}`}
      style={{ "--width": `${view.cols * cell}px`, "--cols": view.cols, "--rows": view.rows }}
    >
      <div class="matrix-head">
        <Symbol name={symbol} />
        <span class="matrix-label">{label}</span>
        <span class="size">
          {view.rows} × {view.cols}
        </span>
        <button
          type="button"
          class="quiet zoom"
          aria-label={`${t.zoom}: ${label}`}
          title={t.zoom}
          // The keyboard reads the values in a table: one button a figure.
          tabIndex={-1}
          onClick={() => {
            zoomed.value = { ...props, domain }
          }}
        >
          ⤢
        </button>
      </div>
      <div
        ref={box}
        class={`cells ${view.rows * view.cols <= 1200 ? "spaced" : ""}`}
        style={{ "--least": `${height}px` }}
        role="img"
        aria-label={`${t.heatMap}: ${symbol === undefined ? "" : `${symbol}, `}${label}, ${view.rows} × ${view.cols}, ${rows.name} × ${cols.name}`}
        data-tap={tap}
        data-values
        {...cursor.on}
      >
        <Heat view={view} scale={scale} domain={domain} />
        <Marks {...props} />
        <Cross cell={shown} view={view} />
      </div>
      <Readout cell={shown} props={props} scale={scale} domain={domain} />
    </div>
  )
}

/** The step of a matrix, and its number among the matrices of the step. */
function placeOf(box: Element | null): Pick<LinkedCell, "step" | "matrix"> | null {
  const step = box?.closest("section.step")
  if (box === null || !step) return null
  return { step: step.id, matrix: Array.from(step.querySelectorAll(".cells")).indexOf(box) }
}

/** The values with the names of their rows and columns. */
function tableOf({ view, label, symbol, rows, cols }: MatrixProps): ValueTable {
  const indices = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
  return {
    label: symbol === undefined ? label : `${symbol}, ${label}`,
    corner: `${rows.name} × ${cols.name}`,
    columns: indices(view.cols).map(cols.describe),
    rows: indices(view.rows).map((row) => ({
      name: rows.describe(row),
      values: indices(view.cols).map((col) => brief(valueAt(view, row, col))),
    })),
  }
}

/** The values as pixels, one for each cell. */
export function Heat({ view, scale, domain }: { view: View; scale: ColorScale; domain: Domain }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  const colors = theme.value
  useLayoutEffect(() => {
    const pixels = heatPixels(view.data, scale, domain, colors)
    canvas.current?.getContext("2d")?.putImageData(imageData(pixels, view.cols, view.rows), 0, 0)
  }, [view.data, view.rows, view.cols, scale, colors, domain[0], domain[1]])
  return <canvas ref={canvas} width={view.cols} height={view.rows} aria-hidden="true" />
}

/** Marks the row of the marked token. If columns are tokens, it also marks the column. */
function Marks({ view, rows, cols }: MatrixProps): JSX.Element | null {
  const { firstToken } = rows
  const row = firstToken === undefined ? null : markedToken.value - firstToken
  const first = cols.firstToken
  const token = firstToken === undefined ? markedToken.value : otherToken.value
  const col = first === undefined || token === null ? null : token - first
  return (
    <>
      {row === null || row < 0 || row >= view.rows ? null : (
        <span class="mark" style={{ top: `${(100 * row) / view.rows}%`, height: `${100 / view.rows}%` }} />
      )}
      {col === null || col < 0 || col >= view.cols ? null : (
        <span class="mark upright" style={{ left: `${(100 * col) / view.cols}%`, width: `${100 / view.cols}%` }} />
      )}
    </>
  )
}

function Cross({ cell, view }: { cell: ReadonlySignal<Cell | null>; view: View }): JSX.Element | null {
  const at = cell.value
  if (at === null) return null
  const [w, h] = [100 / view.cols, 100 / view.rows]
  return (
    <span class="cell" style={{ left: `${at.col * w}%`, top: `${at.row * h}%`, width: `${w}%`, height: `${h}%` }} />
  )
}

function Readout({
  cell,
  props,
  scale,
  domain,
}: {
  cell: ReadonlySignal<Cell | null>
  props: MatrixProps
  scale: ColorScale
  domain: Domain
}): JSX.Element {
  const at = cell.value
  return (
    <output class="readout" aria-live="polite">
      {at === null ? <Legend scale={scale} domain={domain} /> : describe(at, props)}
    </output>
  )
}

function describe(at: Cell, { view, rows, cols, explain }: MatrixProps): JSX.Element {
  const where = [view.rows > 1 ? rows.describe(at.row) : "", cols.describe(at.col)].filter(Boolean).join(" · ")
  return (
    <>
      <span>{where}</span> <b>{format(valueAt(view, at.row, at.col))}</b>
      {explain === undefined ? null : <span class="explain">{explain(at)}</span>}
    </>
  )
}

const ramp = { data: Float32Array.from({ length: 64 }, (_, i) => i / 63), rows: 1, cols: 64 }

/** The legend of the colours. */
function Legend({ scale, domain }: { scale: ColorScale; domain: Domain }): JSX.Element {
  return (
    <span class="legend">
      {brief(domain[0])}
      <span class="ramp">
        <Heat view={ramp} scale={scale} domain={[0, 1]} />
      </span>
      {brief(domain[1])}
    </span>
  )
}
