import type { JSX } from "preact"
import { Bars } from "../figures/bars.tsx"
import { brief, percent } from "../figures/format.ts"
import { Matrix } from "../figures/matrix.tsx"
import { Overlay } from "../figures/overlay.tsx"
import { Picture } from "../figures/picture.tsx"
import { Plot } from "../figures/plot.tsx"
import { matrix } from "../figures/view.ts"
import { lines } from "../guide/axes.ts"
import { strings } from "../strings/index.ts"
import type { PaneProps } from "./pane-props.ts"
import * as state from "./state.ts"

export function Predictions({ pane, slot }: PaneProps): JSX.Element {
  const t = strings.value.inspect
  const { inspection, summary } = pane
  if (inspection === null) return <div class="waiting" />
  return (
    <div class="prediction">
      <Overlay {...inspection.view} grid={summary.grid} label={t.picture(state.current.value + 1)} />
      {inspection.predictions.length === 0 ? (
        <p>{t.noClasses}</p>
      ) : (
        <Bars
          labels={inspection.predictions.map(({ label }) => label)}
          values={inspection.predictions.map(({ probability }) => probability)}
          show={percent}
          most={1}
          best={0}
          label={t.predictions}
          tap={`predictions-${slot}`}
        />
      )}
    </div>
  )
}

export function Distance({ pane }: PaneProps): JSX.Element {
  const t = strings.value.inspect
  if (pane.inspection === null) return <div class="waiting" />
  const points = pane.inspection.distance.flatMap((heads, block) =>
    heads.map((mean): [number, number] => [block + 1, mean]),
  )
  const names = pane.inspection.distance.flatMap((heads, block) =>
    heads.map((_, head) => t.headOf(block + 1, head + 1)),
  )
  const largest = Math.max(...points.map(([, mean]) => mean))
  return (
    <Plot
      label={t.distance}
      x={t.block}
      y={t.pixels}
      xRange={[0.5, pane.summary.depth + 0.5]}
      yRange={[0, largest * 1.1]}
      xTicks={Array.from({ length: pane.summary.depth }, (_, i) => ({ at: i + 1, name: String(i + 1) }))}
      series={[{ name: t.distance, points, labels: names, color: 1, dots: true }]}
      show={brief}
      height={300}
    />
  )
}

export function Filters({ pane }: PaneProps): JSX.Element {
  const t = strings.value.inspect
  const { filters } = pane
  if (filters === null) return <div class="waiting" />
  const [height, width] = filters.side
  return (
    <div class="filter-grid">
      {filters.pictures.map((pixels, i) => (
        <Picture
          key={i}
          pixels={pixels}
          width={width}
          height={height}
          label={t.filterOf(i + 1, percent(filters.explained[i] ?? 0))}
        />
      ))}
    </div>
  )
}

export function Positions({ pane, slot }: PaneProps): JSX.Element {
  const t = strings.value.inspect
  const [rows, columns] = pane.summary.grid
  if (!pane.summary.hasPositions) return <p>{t.noPositions}</p>
  if (pane.positions === null) return <div class="waiting" />
  const n = rows * columns
  const at = Math.min(state.place.value, n - 1)
  const { figure } = strings.value
  return (
    <div class="position-view">
      <Matrix
        view={matrix(pane.positions.subarray(at * n, (at + 1) * n), rows, columns)}
        label={figure.patch(at + 1, columns)}
        rows={lines("row")}
        cols={lines("column")}
        domain={[-1, 1]}
        cell={Math.max(8, 320 / columns)}
        tap={`positions-${slot}`}
      />
      <label class="field">
        {figure.patch(at + 1, columns)}
        <input
          type="range"
          min={0}
          max={n - 1}
          value={at}
          onInput={(event) => {
            state.place.value = Number(event.currentTarget.value)
          }}
        />
      </label>
    </div>
  )
}

export function Features({ pane }: PaneProps): JSX.Element {
  const t = strings.value.inspect
  const [rows, columns] = pane.summary.grid
  if (pane.features.length === 0) return <div class="waiting" />
  return (
    <div class="feature-grid">
      {pane.features.map((pixels, i) => (
        <Picture key={i} pixels={pixels} width={columns} height={rows} label={`${t.features}: ${t.picture(i + 1)}`} />
      ))}
    </div>
  )
}
