import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { elementAt } from "../checked.ts"
import { engine } from "../engine/client.ts"
import { Bars } from "../figures/bars.tsx"
import { domainOf, heatPixels } from "../figures/colors.ts"
import { percent } from "../figures/format.ts"
import { hoveredToken } from "../figures/link.ts"
import { Matrix } from "../figures/matrix.tsx"
import { Patches } from "../figures/patches.tsx"
import { Picture } from "../figures/picture.tsx"
import { roving } from "../figures/roving.ts"
import { theme } from "../figures/theme.ts"
import { largestIndex, matrix, type View, view } from "../figures/view.ts"
import type { Values } from "../engine/values.ts"
import { strings } from "../strings/index.ts"
import { failed, useAnswer, Waiting } from "./answer.tsx"
import { dimensions, lines, tokens } from "./axes.ts"
import { className } from "./input-steps.tsx"
import type { FigureData } from "./state.ts"

/** One channel of features `[1, rows, columns, channels]` as a matrix. */
function channelOf({ data, shape }: Values, channel: number): View {
  const [, rows = 1, columns = 1, channels = 1] = shape
  return matrix(
    Float32Array.from({ length: rows * columns }, (_, i) => elementAt(data, i * channels + channel)),
    rows,
    columns,
  )
}

export function HybridFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const t = strings.value.guide.labels
  const answer = useAnswer(() => engine().guide.hybrid(), g.trace.pixels)
  const after = useSignal<"root" | "features">("features")
  const selectedChannel = useSignal(0)
  if (answer === null || failed(answer)) return <Waiting answer={answer} />
  const features = answer[after.value]
  const channels = features.shape.at(-1) ?? 1
  const channel = Math.min(selectedChannel.value, channels - 1)
  const map = channelOf(features, channel)
  const probabilities = answer.probabilities.data
  return (
    <>
      <div class="head-picker">
        <fieldset class="segments">
          <legend>{t.featuresAfter}</legend>
          {(["root", "features"] as const).map((each) => (
            <label key={each}>
              <input
                type="radio"
                name="features"
                checked={after.value === each}
                onChange={() => {
                  after.value = each
                }}
              />
              <span>{each === "root" ? t.firstConvolution : t.residualBlock}</span>
            </label>
          ))}
        </fieldset>
      </div>
      <FeatureMaps
        features={features}
        channels={channels}
        channel={channel}
        choose={(k) => (selectedChannel.value = k)}
      />
      <div class="pair">
        <Matrix
          view={map}
          label={`${t.feature} ${channel + 1}`}
          rows={lines("row")}
          cols={lines("column")}
          scale="share"
          cell={38}
          tap={`hybrid:${after.value}`}
          onCell={(cell) => {
            // A patch covers as many places in each direction as it would cover pixels.
            const size = map.rows / g.grid
            hoveredToken.value =
              cell === null ? null : Math.floor(cell.row / size) * g.grid + Math.floor(cell.col / size) + 1
          }}
        />
        <Patches pixels={g.trace.pixels} side={g.side} grid={g.grid} label={t.image} />
      </div>
      <Matrix
        view={view(answer.embeddings)}
        symbol="fₚE"
        label={t.embeddings}
        rows={tokens(g.grid, 1)}
        cols={dimensions()}
        tap="hybrid:embeddings"
        height={128}
      />
      <Bars
        labels={g.model.labels.map((_, i) => className(i))}
        values={probabilities}
        show={percent}
        most={1}
        label={t.probabilities}
        best={largestIndex(probabilities)}
        target={g.trace.label}
      />
    </>
  )
}

function FeatureMaps(props: {
  readonly features: Values
  readonly channels: number
  readonly channel: number
  readonly choose: (channel: number) => void
}): JSX.Element {
  const { features, channels, channel, choose } = props
  const { feature } = strings.value.guide.labels
  const columns = 16
  return (
    <div class="filters maps-grid" role="radiogroup" aria-label={feature} data-roving>
      {Array.from({ length: channels }, (_, k) => {
        const map = channelOf(features, k)
        return (
          <button
            key={k}
            type="button"
            role="radio"
            aria-checked={k === channel}
            aria-label={`${feature} ${k + 1}`}
            {...roving(k, { chosen: channel, count: channels, columns, choose })}
            onClick={() => choose(k)}
          >
            <Picture
              pixels={heatPixels(map.data, "share", domainOf(map.data, "share"), theme.value)}
              width={map.cols}
              height={map.rows}
            />
          </button>
        )
      })}
    </div>
  )
}
