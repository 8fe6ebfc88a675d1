import type { JSX } from "preact"
import { Overlay } from "../figures/overlay.tsx"
import { SmallMap } from "../figures/small-map.tsx"
import { strings } from "../strings/index.ts"
import type { PaneProps } from "./pane-props.ts"
import * as state from "./state.ts"

/** Radio buttons that choose whose attention the figures draw: that of the class token, all patches or one patch. */
export function Askers(): JSX.Element {
  const t = strings.value.inspect
  const summary = state.panes.value.a?.summary
  const asker = state.asker.value
  const columns = summary?.grid[1] ?? 1
  return (
    <div class="head-picker">
      <fieldset class="segments">
        <legend>{t.asks}</legend>
        {(["class", "mean"] as const)
          .filter((each) => each === "mean" || summary?.hasClassToken === true)
          .map((each) => (
            <label key={each}>
              <input type="radio" name="asker" checked={asker === each} onChange={() => void state.ask(each)} />
              <span>{t.askers[each]}</span>
            </label>
          ))}
        {typeof asker === "number" ? (
          <label>
            <input type="radio" name="asker" checked readOnly />
            <span>{strings.value.figure.patch(asker + 1, columns)}</span>
          </label>
        ) : null}
      </fieldset>
    </div>
  )
}

/** Draws a small attention map of each head, and a large one of the head that the user chose. */
export function Attention({ pane, slot }: PaneProps): JSX.Element {
  const t = strings.value.inspect
  const { inspection, attention, summary } = pane
  if (inspection === null || attention === null) return <div class="waiting" />
  const [rows, columns] = summary.grid
  const block = Math.min(state.head.value[0], summary.depth - 1)
  const head = Math.min(state.head.value[1], summary.heads - 1)
  const weights = attention.heads[block]?.[head] ?? attention.rollout
  const asker = state.asker.value
  return (
    <div class="attention-view">
      <div class="stack">
        <button
          type="button"
          class="large-map"
          aria-label={`${t.headOf(block + 1, head + 1)}. ${t.attentionHint}`}
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
            const from = typeof asker === "number" ? asker : 0
            void state.ask(Math.min(rows * columns - 1, Math.max(0, from + by)))
          }}
        >
          <Overlay
            {...inspection.view}
            grid={summary.grid}
            weights={weights}
            marked={typeof asker === "number" && slot === "a" ? asker : null}
            label={t.headOf(block + 1, head + 1)}
          />
        </button>
        <small data-text>{t.headOf(block + 1, head + 1)}</small>
      </div>
      <div class="all-heads" style={{ "--heads": summary.heads }}>
        {attention.heads.flatMap((heads, i) =>
          heads.map((each, h) => (
            <button
              key={`${i} ${h}`}
              type="button"
              class={i === block && h === head ? "small-map chosen" : "small-map"}
              aria-label={t.headOf(i + 1, h + 1)}
              aria-pressed={i === block && h === head}
              onClick={() => {
                state.head.value = [i, h]
              }}
            >
              <SmallMap weights={each} grid={summary.grid} />
            </button>
          )),
        )}
      </div>
    </div>
  )
}

export function Rollout({ pane }: PaneProps): JSX.Element {
  const { inspection, attention, summary } = pane
  if (inspection === null || attention === null) return <div class="waiting" />
  return (
    <div class="large-map still">
      <Overlay
        {...inspection.view}
        grid={summary.grid}
        weights={attention.rollout}
        label={strings.value.inspect.rollout}
      />
    </div>
  )
}
