import type { ComponentChildren, JSX } from "preact"
import { Saved } from "../figures/saved.tsx"
import { strings } from "../strings/index.ts"
import { Askers, Attention, Rollout } from "./attention-views.tsx"
import { Distance, Features, Filters, Positions, Predictions } from "./model-views.tsx"
import type { PaneProps } from "./pane-props.ts"
import * as state from "./state.ts"

/** All figures of the open models. */
export function Views(): JSX.Element {
  const t = strings.value.inspect
  return (
    <div class={state.panes.value.b === null ? "views" : "views two"}>
      <Section id="predictions" title={t.predictions} draw={Predictions} />
      <Section id="rollout" title={t.rollout} hint={t.rolloutHint} draw={Rollout} />
      <Section id="attention" title={t.attention} hint={t.attentionHint} head={<Askers />} draw={Attention} />
      <Section id="distance" title={t.distance} hint={t.distanceHint} draw={Distance} />
      <Section id="positions" title={t.positions} hint={t.positionsHint} draw={Positions} />
      <Section id="filters" title={t.filters} hint={t.filtersHint} draw={Filters} />
      <Section id="features" title={t.features} hint={t.featuresHint} draw={Features} />
    </div>
  )
}

/** A figure of each open model, side by side. The reader can save it. */
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
      hasValues={id === "positions" || id === "distance"}
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
