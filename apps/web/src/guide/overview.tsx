import type { ReadonlySignal } from "@preact/signals"
import type { ComponentChildren, JSX } from "preact"
import { useLayoutEffect } from "preact/hooks"
import { elementAt } from "../checked.ts"
import { domainOf } from "../figures/colors.ts"
import { percent } from "../figures/format.ts"
import { Heat } from "../figures/matrix.tsx"
import { Picture } from "../figures/picture.tsx"
import { matrix, type View, view } from "../figures/view.ts"
import { strings } from "../strings/index.ts"
import type { StationId, StepId } from "../strings/guide-texts.ts"
import { aimAt } from "./aim.ts"
import { className } from "./input-steps.tsx"
import { type FigureData, figureData } from "./state.ts"
import { stationIds, stationOf, stations } from "./stations.ts"

/** The whole model with the values of the picture. Each part leads to its step, and the part where the reader is has a mark. */
export function Overview({ at }: { readonly at: ReadonlySignal<StepId> }): JSX.Element {
  const { overview } = strings.value.guide
  const g = figureData()
  const here = stationOf(at.value)
  useFirstMark(g !== null)
  const station = (id: StationId): JSX.Element => (
    <li class={`station ${id}`}>
      <a
        href={`#${stations[id][0]}`}
        onClick={() => aimAt(stations[id][0])}
        {...(id === here ? { "aria-current": "step" as const } : {})}
      >
        <span class="station-figure">{g === null ? null : figures[id](g)}</span>
        <b>{overview[id]}</b>
        <small>{g === null ? "" : dimensionsOf(id, g)}</small>
      </a>
    </li>
  )
  return (
    <nav class="overview" aria-label={overview.label}>
      <ol>
        {station("image")}
        {station("patches")}
        {station("tokens")}
        <li class="repeated">
          <span class="times">{overview.times(g?.model.config.depth ?? 4)}</span>
          <ol>
            {station("attention")}
            {station("mlp")}
          </ol>
        </li>
        {station("class")}
      </ol>
    </nav>
  )
}

/** The reader's place among the parts, with the dimensions there, for the rail. */
export function Place({ at, g }: { readonly at: StepId; readonly g: FigureData | null }): JSX.Element {
  const { overview } = strings.value.guide
  const here = stationOf(at)
  return (
    <div class="place">
      <ol aria-hidden="true">
        {stationIds.map((id) => (
          <li key={id} class={id === here ? "here" : ""} />
        ))}
      </ol>
      <small>{here === null || g === null ? "" : `${overview[here]}, ${dimensionsOf(here, g)}`}</small>
    </div>
  )
}

/** Notes the time when the first figure with values of the model is painted. */
function useFirstMark(isDrawn: boolean): void {
  useLayoutEffect(() => {
    if (isDrawn && performance.getEntriesByName(firstFigure).length === 0)
      requestAnimationFrame(() => setTimeout(() => performance.mark(firstFigure)))
  }, [isDrawn])
}

/** The `performance.mark` of the first figure. */
const firstFigure = "first-figure"

function dimensionsOf(id: StationId, { side, grid, model }: FigureData): string {
  const { channels, patchSize, dim, heads, mlpDim, classes } = model.config
  const [patches, width] = [grid * grid, patchSize[0] * patchSize[1] * channels]
  const dimensions: Readonly<Record<StationId, string>> = {
    image: `${side} × ${side} × ${channels}`,
    patches: `${patches} × ${width}`,
    tokens: `${patches + 1} × ${dim}`,
    attention: `${heads} × ${patches + 1} × ${patches + 1}`,
    mlp: `${dim} → ${mlpDim} → ${dim}`,
    class: String(classes),
  }
  return dimensions[id]
}

const heat = (values: View, scale: "signed" | "share" = "signed"): JSX.Element => (
  <Heat view={values} scale={scale} domain={domainOf(values.data, scale)} />
)

const blocksOf = (g: FigureData): number[] => Array.from({ length: g.model.config.depth }, (_, i) => i)

const figures: Readonly<Record<StationId, (g: FigureData) => ComponentChildren>> = {
  image: (g) => <Picture pixels={g.trace.pixels} width={g.side} height={g.side} />,
  patches: (g) => (
    <span class="cut" style={{ "--grid": g.grid }}>
      <Picture pixels={g.trace.pixels} width={g.side} height={g.side} />
    </span>
  ),
  tokens: (g) => heat(view(g.tap("tokens"))),
  attention: (g) => blocksOf(g).map((i) => <span key={i}>{heat(classAttention(g, i), "share")}</span>),
  mlp: (g) => blocksOf(g).map((i) => <span key={i}>{heat(view(g.tap(`blocks.${i}.residual2`)))}</span>),
  class: (g) => <Answers g={g} />,
}

/** The weights of the class token on the patches, as the mean of a block's heads: `[grid, grid]`. */
function classAttention(g: FigureData, block: number): View {
  const { data, shape } = g.tap(`blocks.${block}.attn.weights`)
  const [, heads = 1, tokens = 1] = shape
  const sums = Float32Array.from({ length: tokens - 1 }, (_, patch) => {
    const weights = Array.from({ length: heads }, (_, head) => elementAt(data, head * tokens * tokens + patch + 1))
    return weights.reduce((a, b) => a + b, 0) / heads
  })
  return matrix(sums, g.grid, g.grid)
}

/** The three likeliest classes. */
function Answers({ g }: { readonly g: FigureData }): JSX.Element {
  const probabilities = Array.from(g.tap("probabilities").data)
  const best = probabilities.map((p, i) => ({ p, i })).sort((a, b) => b.p - a.p)
  return (
    <span class="answers">
      {best.slice(0, 3).map(({ p, i }) => (
        <span key={i} style={{ "--share": p }}>
          <span>{className(i)}</span> <span>{percent(p)}</span>
        </span>
      ))}
    </span>
  )
}
