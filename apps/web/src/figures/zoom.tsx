import { type Signal, signal, useSignal } from "@preact/signals"
import { colorTable } from "@vitrine/interpret"
import type { JSX } from "preact"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import { strings } from "../strings/index.ts"
import { domainOf, shade } from "./colors.ts"
import { useCursor } from "./cursor.ts"
import { format } from "./format.ts"
import type { MatrixProps } from "./matrix-props.ts"
import { Symbol } from "./symbol.tsx"
import { theme } from "./theme.ts"
import { valueAt } from "./view.ts"

/** The enlarged matrix, or null. */
export const zoomed: Signal<MatrixProps | null> = signal(null)

/** An enlarged matrix in a window. A slider changes the size of the cells, and large cells show their numbers. */
export function Zoom(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null)
  const props = zoomed.value
  // The window opens before the matrix is drawn, since the drawing needs its size.
  useLayoutEffect(() => {
    if (props !== null) dialog.current?.showModal()
  }, [props])
  const close = (): void => {
    zoomed.value = null
  }
  return (
    <dialog ref={dialog} class="zoomed" onClose={close} aria-label={props?.label ?? strings.value.figure.zoom}>
      {props === null ? null : <Enlarged {...props} />}
    </dialog>
  )
}

function Enlarged(props: MatrixProps): JSX.Element {
  const { view, label, symbol, rows, cols, scale = "signed" } = props
  const t = strings.value.figure
  const domain = props.domain ?? domainOf(view.data, scale)
  const fits = Math.floor(Math.min((innerWidth - 48) / view.cols, (innerHeight - 170) / view.rows))
  const side = useSignal(Math.min(64, Math.max(10, fits)))
  const canvas = useRef<HTMLCanvasElement>(null)
  const scroller = useRef<HTMLDivElement>(null)
  const cursor = useCursor(view.rows, view.cols, (at) => {
    const box = scroller.current
    if (at === null || box === null || document.activeElement !== box.firstElementChild) return
    const size = side.value
    box.scrollTo({
      left: Math.min(Math.max(box.scrollLeft, (at.col + 2) * size - box.clientWidth), at.col * size - size),
      top: Math.min(Math.max(box.scrollTop, (at.row + 2) * size - box.clientHeight), at.row * size - size),
    })
  })
  const colors = theme.value
  const draw = (): void => {
    const [box, target] = [scroller.current, canvas.current]
    const context = target?.getContext("2d")
    if (!box || !target || !context) return
    const size = side.value
    const ratio = devicePixelRatio
    const [width, height] = [Math.min(box.clientWidth, view.cols * size), Math.min(box.clientHeight, view.rows * size)]
    target.width = width * ratio
    target.height = height * ratio
    target.style.width = `${width}px`
    target.style.height = `${height}px`
    context.scale(ratio, ratio)
    const table = colorTable(scale, colors)
    const gap = size >= 8 ? 1 : 0
    context.font = `${Math.round(size / 4.6)}px ui-monospace, monospace`
    context.textAlign = "center"
    context.textBaseline = "middle"
    const [left, top] = [box.scrollLeft, box.scrollTop]
    for (let r = Math.floor(top / size); r < Math.min(view.rows, (top + height) / size + 1); r++)
      for (let c = Math.floor(left / size); c < Math.min(view.cols, (left + width) / size + 1); c++) {
        const value = valueAt(view, r, c)
        const at = 3 * shade(value, domain, scale)
        const [red = 0, green = 0, blue = 0] = table.subarray(at, at + 3)
        context.fillStyle = `rgb(${red} ${green} ${blue})`
        context.fillRect(c * size - left, r * size - top, size - gap, size - gap)
        if (size < 36) continue
        context.fillStyle = 0.3 * red + 0.59 * green + 0.11 * blue > 140 ? "#1a1820" : "#f6f3ee"
        context.fillText(format(value, size < 56 ? 2 : 3), (c + 0.5) * size - left, (r + 0.5) * size - top)
      }
  }
  useEffect(draw)
  useEffect(() => {
    addEventListener("resize", draw)
    return () => removeEventListener("resize", draw)
  })
  const at = cursor.cell.value
  return (
    <>
      <header>
        <h2>
          <Symbol name={symbol} /> {label}{" "}
          <span class="size">
            {view.rows} × {view.cols}
          </span>
        </h2>
        <form method="dialog">
          <button type="submit" class="quiet" aria-label={t.close}>
            ✕
          </button>
        </form>
      </header>
      <div class="zoom-scroll" ref={scroller} onScroll={draw}>
        <div
          class="zoom-field"
          style={{ width: `${view.cols * side.value}px`, height: `${view.rows * side.value}px` }}
          role="application"
          aria-roledescription={t.heatMap}
          aria-label={`${label}. ${t.keys}`}
          tabIndex={0}
          {...cursor.on}
        >
          <canvas ref={canvas} aria-hidden="true" />
          {at === null ? null : (
            <span
              class="cell"
              style={{
                left: `${at.col * side.value}px`,
                top: `${at.row * side.value}px`,
                width: `${side.value}px`,
                height: `${side.value}px`,
              }}
            />
          )}
        </div>
      </div>
      <footer>
        <output class="readout" aria-live="polite">
          {at === null ? (
            `${rows.name} × ${cols.name}`
          ) : (
            <>
              {rows.describe(at.row)} · {cols.describe(at.col)} <b>{format(valueAt(view, at.row, at.col))}</b>
            </>
          )}
        </output>
        <label class="slider">
          {t.cellSize}
          <input
            type="range"
            min={3}
            max={72}
            value={side.value}
            onInput={(event) => {
              side.value = Number(event.currentTarget.value)
            }}
          />
        </label>
      </footer>
    </>
  )
}
