import { useSignal } from "@preact/signals"
import type { ComponentChildren, JSX } from "preact"
import { useEffect } from "preact/hooks"
import { engine } from "../engine/client.ts"
import type { Slot } from "../engine/inspection.ts"
import { Bars } from "../figures/bars.tsx"
import { DropZone } from "../figures/drop-zone.tsx"
import { brief, count, percent } from "../figures/format.ts"
import { Matrix } from "../figures/matrix.tsx"
import { Overlay } from "../figures/overlay.tsx"
import { Picture } from "../figures/picture.tsx"
import { Plot } from "../figures/plot.tsx"
import { Saved } from "../figures/saved.tsx"
import { pictureTypes, Shots } from "../figures/shots.tsx"
import { SmallMap } from "../figures/small-map.tsx"
import { matrix } from "../figures/view.ts"
import { lines } from "../guide/axes.ts"
import { strings } from "../strings/index.ts"
import * as state from "./state.ts"

export function Inspect(): JSX.Element {
  const t = strings.value.inspect
  useEffect(() => {
    if (state.panes.peek().a === null) void state.restore(location.search)
  }, [])
  const { a, b } = state.panes.value
  const wantsSecond = state.missing.value.some((each) => each.for === "b")
  return (
    <main id="content" class="room" tabIndex={-1}>
      <header class="opening">
        <h1>{t.title}</h1>
        <p class="lead">{t.lead}</p>
      </header>
      <div class={b === null && !wantsSecond ? "models" : "models two"}>
        <ModelChoice slot="a" />
        {b === null && !wantsSecond ? null : <ModelChoice slot="b" />}
      </div>
      <div class="actions">
        {b === null ? (
          <button type="button" disabled={a === null} onClick={() => void state.openModel("b", { kind: "guide" })}>
            {t.second}
          </button>
        ) : (
          <button type="button" onClick={() => void state.closeModel("b")}>
            {t.noSecond}
          </button>
        )}
        <button type="button" class="text" disabled={a === null} onClick={() => void copyLink()}>
          {t.link}
        </button>
        {state.link.value === null ? null : <small role="status">{t.linkCopied}</small>}
      </div>
      <KeptFiles />
      {state.fault.value === null ? null : (
        <p class="status failed" role="alert">
          {strings.value.status.failed(state.fault.value)}
        </p>
      )}
      <p class="status" role="status" data-busy={state.busy.value > 0}>
        {state.busy.value > 0 ? strings.value.status.computing : ""}
      </p>
      <Pictures />
      {a === null ? <div class="waiting" /> : <Views />}
    </main>
  )
}

async function copyLink(): Promise<void> {
  await state.makeLink()
  if (state.link.value === null) return
  history.replaceState(null, "", `${location.pathname}?${state.link.value.query}`)
  // Where the clipboard is not ours, the address bar has it.
  navigator.clipboard?.writeText(location.href).catch(() => {})
}

/** What a link needs beside itself: files that were dropped. */
function KeptFiles(): JSX.Element {
  const t = strings.value.inspect
  const loose = state.link.value?.loose ?? []
  const bytes = loose.flatMap(({ entries }) => entries).reduce((sum, [, file]) => sum + file.size, 0)
  return (
    <>
      {state.missing.value.map((each) => (
        <p key={`${each.for} ${each.name}`} class="status failed" role="alert">
          {each.for === "picture" ? t.missingPicture(each.name) : t.missingModel(each.name)}
        </p>
      ))}
      {loose.length === 0 ? null : (
        <p class="hint" role="status">
          {t.loose(megabytes(bytes))}{" "}
          <button type="button" onClick={() => void state.keepFiles()}>
            {t.keep}
          </button>
        </p>
      )}
      {state.keptBytes.value === 0 ? null : (
        <p class="hint">
          {t.kept(megabytes(state.keptBytes.value))}{" "}
          <button type="button" class="text" onClick={() => void state.forgetFiles()}>
            {t.forget}
          </button>
        </p>
      )}
    </>
  )
}

const megabytes = (bytes: number): string => `${brief(Math.max(0.01, bytes / 1e6))} MB`

function ModelChoice({ slot }: { readonly slot: Slot }): JSX.Element {
  const t = strings.value.inspect
  const pane = state.panes.value[slot]
  const runs = useSignal<readonly string[]>([])
  useEffect(() => {
    const find = async (): Promise<void> => {
      const found = await engine()
        .training.runs()
        .catch(() => [])
      runs.value = found.map(({ name }) => name)
    }
    void find()
  }, [])
  const isMissing = state.missing.value.some((each) => each.for === slot)
  const chosen = isMissing
    ? ""
    : pane?.source.kind === "run"
      ? `run:${pane.source.name}`
      : (pane?.source.kind ?? "guide")
  return (
    <section class="model-choice" aria-label={`${t.models} ${slot === "a" ? 1 : 2}`}>
      <label class="field">
        {t.models}
        <select
          value={chosen}
          onChange={(event) => {
            const { value } = event.currentTarget
            if (value === "guide") void state.openModel(slot, { kind: "guide" })
            else if (value.startsWith("run:")) void state.openModel(slot, { kind: "run", name: value.slice(4) })
          }}
        >
          {isMissing ? <option value="" /> : null}
          <option value="guide">{t.sources.guide}</option>
          {runs.value.map((name) => (
            <option key={name} value={`run:${name}`}>
              {t.sources.run(name)}
            </option>
          ))}
          {pane?.source.kind === "files" ? <option value="files">{pane.about.name}</option> : null}
        </select>
      </label>
      <DropZone
        buttons={[
          { text: t.chooseFolder, folder: true },
          { text: t.chooseFile, accept: ".safetensors,.json,.npz,.zip" },
        ]}
        onFiles={(entries) => void state.openModel(slot, { kind: "files", entries })}
      >
        <p class="hint">{t.dropModel}</p>
      </DropZone>
      <Options slot={slot} />
      {pane === null ? null : (
        <p class="hint" data-model={slot}>
          <b>{pane.source.kind === "guide" ? t.sources.guide : pane.about.name}</b>
          {": "}
          {t.about({
            ...pane.about,
            parameters: count(pane.about.parameters),
            side: pane.about.imageSize.join(" × "),
            patch: pane.about.patchSize.join(" × "),
          })}
          {pane.about.notes.map((note) => (
            <small key={note}> {note}</small>
          ))}
        </p>
      )}
    </section>
  )
}

/** What the reader may know better than the files. */
function Options({ slot }: { readonly slot: Slot }): JSX.Element {
  const t = strings.value.inspect
  const side = useSignal("")
  const heads = useSignal("")
  const field = (name: string, value: typeof side, most: number): JSX.Element => (
    <label class="field">
      {name}
      <input
        type="number"
        min={1}
        max={most}
        value={value.value}
        onChange={(event) => {
          value.value = event.currentTarget.value
        }}
      />
    </label>
  )
  return (
    <details>
      <summary>{t.options}</summary>
      <div class="fields">
        {field(t.side, side, 2048)}
        {field(t.headCount, heads, 64)}
      </div>
      <button
        type="button"
        onClick={() =>
          void state.openModel(slot, state.tried.value[slot], {
            ...(side.value === "" ? {} : { side: Number(side.value) }),
            ...(heads.value === "" ? {} : { heads: Number(heads.value) }),
          })
        }
      >
        {t.reopen}
      </button>
    </details>
  )
}

function Pictures(): JSX.Element {
  const t = strings.value.inspect
  return (
    <section class="pictures" aria-label={t.pictures}>
      <DropZone
        buttons={[{ text: t.choosePictures, accept: pictureTypes }]}
        onFiles={(entries) => void state.addPictures(entries)}
      >
        <Shots shots={state.shots.value} current={state.current.value} onShow={(i) => void state.show(i)} />
        <p class="hint">{t.dropPictures}</p>
      </DropZone>
    </section>
  )
}

function Views(): JSX.Element {
  const t = strings.value.inspect
  return (
    <div class={state.panes.value.b === null ? "views" : "views two"}>
      <Section id="predictions" title={t.predictions} draw={Predictions} />
      <Section id="rollout" title={t.rollout} hint={t.rolloutHint} draw={Rollout} />
      <Section id="attention" title={t.attention} hint={t.attentionHint} head={<Askers />} draw={Attention} />
      <Section id="distance" title={t.distance} hint={t.distanceHint} draw={Distance} />
      <Section id="positions" title={t.positions} hint={t.positionsHint} draw={Positions} />
      <Section id="filters" title={t.filters} hint={t.filtersHint} draw={FilterFigure} />
      <Section id="features" title={t.features} hint={t.featuresHint} draw={Features} />
    </div>
  )
}

interface PaneProps {
  readonly pane: state.Pane
  readonly slot: Slot
}

/** A figure of each model, side by side, that can be saved. */
function Section(props: {
  readonly id: string
  readonly title: string
  readonly hint?: string
  readonly head?: ComponentChildren
  readonly draw: (props: PaneProps) => JSX.Element | null
}): JSX.Element {
  const { id, title, hint, head, draw: Draw } = props
  const { a, b } = state.panes.value
  return (
    <Saved
      id={id}
      title={title}
      head={
        <>
          {hint === undefined ? null : <p class="hint">{hint}</p>}
          {head}
        </>
      }
    >
      <div class={b === null ? "sides" : "sides two"}>
        {a === null ? null : <Draw pane={a} slot="a" />}
        {b === null ? null : <Draw pane={b} slot="b" />}
      </div>
    </Saved>
  )
}

function Predictions({ pane, slot }: PaneProps): JSX.Element {
  const t = strings.value.inspect
  const { seen, about } = pane
  if (seen === null) return <div class="waiting" />
  const [height, width] = about.imageSize
  return (
    <div class="prediction">
      <Overlay
        pixels={seen.pixels}
        width={width}
        height={height}
        grid={about.grid}
        label={t.picture(state.current.value + 1)}
      />
      {seen.predictions.length === 0 ? (
        <p>{t.noClasses}</p>
      ) : (
        <Bars
          labels={seen.predictions.map(({ label }) => label)}
          values={seen.predictions.map(({ probability }) => probability)}
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

function Askers(): JSX.Element {
  const t = strings.value.inspect
  const about = state.panes.value.a?.about
  const asked = state.asker.value
  const columns = about?.grid[1] ?? 1
  return (
    <div class="head-picker">
      <fieldset class="segments">
        <legend>{t.asks}</legend>
        {(["class", "mean"] as const)
          .filter((each) => each === "mean" || about?.hasClassToken === true)
          .map((each) => (
            <label key={each}>
              <input type="radio" name="asker" checked={asked === each} onChange={() => void state.ask(each)} />
              <span>{t.askers[each]}</span>
            </label>
          ))}
        {typeof asked === "number" ? (
          <label>
            <input type="radio" name="asker" checked readOnly />
            <span>{strings.value.figure.patch(asked + 1, columns)}</span>
          </label>
        ) : null}
      </fieldset>
    </div>
  )
}

function Attention({ pane, slot }: PaneProps): JSX.Element {
  const t = strings.value.inspect
  const { seen, looks, about } = pane
  if (seen === null || looks === null) return <div class="waiting" />
  const [height, width] = about.imageSize
  const [rows, columns] = about.grid
  const [block, own] = [Math.min(state.head.value[0], about.depth - 1), Math.min(state.head.value[1], about.heads - 1)]
  const weights = looks.heads[block]?.[own] ?? looks.rollout
  const asked = state.asker.value
  return (
    <div class="attention-view">
      <div class="stack">
        <button
          type="button"
          class="large-map"
          aria-label={`${t.headOf(block + 1, own + 1)}. ${t.attentionHint}`}
          onClick={(event) => {
            const box = event.currentTarget.getBoundingClientRect()
            const row = Math.min(rows - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * rows)))
            const column = Math.min(
              columns - 1,
              Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * columns)),
            )
            if (slot === "a") void state.ask(row * columns + column)
          }}
          onKeyDown={(event) => {
            const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key]
            if (by === undefined || slot === "b") return
            event.preventDefault()
            const from = typeof asked === "number" ? asked : 0
            void state.ask(Math.min(rows * columns - 1, Math.max(0, from + by)))
          }}
        >
          <Overlay
            pixels={seen.pixels}
            width={width}
            height={height}
            grid={about.grid}
            weights={weights}
            marked={typeof asked === "number" && slot === "a" ? asked : null}
            label={t.headOf(block + 1, own + 1)}
          />
        </button>
        <small data-text>{t.headOf(block + 1, own + 1)}</small>
      </div>
      <div class="all-heads" style={{ "--heads": about.heads }}>
        {looks.heads.flatMap((heads, i) =>
          heads.map((each, h) => (
            <button
              key={`${i} ${h}`}
              type="button"
              class={i === block && h === own ? "small-map chosen" : "small-map"}
              aria-label={t.headOf(i + 1, h + 1)}
              aria-pressed={i === block && h === own}
              onClick={() => {
                state.head.value = [i, h]
              }}
            >
              <SmallMap weights={each} grid={about.grid} />
            </button>
          )),
        )}
      </div>
    </div>
  )
}

function Rollout({ pane }: PaneProps): JSX.Element {
  const { seen, looks, about } = pane
  if (seen === null || looks === null) return <div class="waiting" />
  const [height, width] = about.imageSize
  return (
    <div class="large-map still">
      <Overlay
        pixels={seen.pixels}
        width={width}
        height={height}
        grid={about.grid}
        weights={looks.rollout}
        label={strings.value.inspect.rollout}
      />
    </div>
  )
}

function Distance({ pane }: PaneProps): JSX.Element {
  const t = strings.value.inspect
  if (pane.seen === null) return <div class="waiting" />
  const points = pane.seen.distance.flatMap((heads, block) => heads.map((mean): [number, number] => [block + 1, mean]))
  const names = pane.seen.distance.flatMap((heads, block) => heads.map((_, head) => t.headOf(block + 1, head + 1)))
  const largest = Math.max(...points.map(([, mean]) => mean))
  return (
    <Plot
      label={t.distance}
      x={t.block}
      y={t.pixels}
      xRange={[0.5, pane.about.depth + 0.5]}
      yRange={[0, largest * 1.1]}
      xTicks={Array.from({ length: pane.about.depth }, (_, i) => ({ at: i + 1, name: String(i + 1) }))}
      series={[{ name: t.distance, points, labels: names, color: 1, dots: true }]}
      show={brief}
      height={300}
    />
  )
}

function FilterFigure({ pane }: PaneProps): JSX.Element {
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

function Positions({ pane, slot }: PaneProps): JSX.Element {
  const t = strings.value.inspect
  const [rows, columns] = pane.about.grid
  if (!pane.about.hasPositions) return <p>{t.noPositions}</p>
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

function Features({ pane }: PaneProps): JSX.Element {
  const t = strings.value.inspect
  const [rows, columns] = pane.about.grid
  if (pane.features.length === 0) return <div class="waiting" />
  return (
    <div class="feature-grid">
      {pane.features.map((pixels, i) => (
        <Picture key={i} pixels={pixels} width={columns} height={rows} label={`${t.features}: ${t.picture(i + 1)}`} />
      ))}
    </div>
  )
}
