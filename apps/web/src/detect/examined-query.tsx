import type { JSX } from "preact"
import type { PictureDetections, QueryLayer } from "../engine/detection.ts"
import { Bars } from "../figures/bars.tsx"
import { type Box, Boxes } from "../figures/boxes.tsx"
import { percent } from "../figures/format.ts"
import { Saved } from "../figures/saved.tsx"
import { SmallMap } from "../figures/small-map.tsx"
import { strings } from "../strings/index.ts"
import { likeliest, nameOf } from "./names.ts"
import { Stage } from "./stage.tsx"
import * as state from "./state.ts"

/** The attention and the answers of one query, layer by layer. */
export function ExaminedQuery(): JSX.Element {
  const t = strings.value.detect
  const { detections, queryLayers, summary } = state
  const query = queryLayers.value?.query ?? state.examinedQuery.value ?? 0
  const layers = summary.value?.layers ?? 1
  const at = Math.min(state.layer.value, layers - 1)
  const layer = queryLayers.value?.layers[at]
  return (
    <Saved
      id="asked"
      title={t.queryAttention(query + 1)}
      head={<p class="hint">{t.queryAttentionHint}</p>}
      foot={
        layer === undefined ? null : (
          <>
            {layers === 1 ? null : (
              <div class="knobs">
                <label class="slider">
                  {t.layers}
                  <input
                    type="range"
                    min={1}
                    max={layers}
                    value={at + 1}
                    aria-valuetext={t.layer(at + 1, layers)}
                    onInput={(event) => {
                      state.layer.value = Number(event.currentTarget.value) - 1
                    }}
                  />
                  <output>{t.layer(at + 1, layers)}</output>
                </label>
              </div>
            )}
            <Heads layer={layer} />
            <Classes layer={layer} />
          </>
        )
      }
    >
      {detections.value === null || layer === undefined ? (
        <div class="waiting stage" />
      ) : (
        <Attention picture={detections.value} layer={layer} at={at} query={query} />
      )}
    </Saved>
  )
}

/** The attention of the query in one layer, with the query's boxes in all layers. */
function Attention(props: {
  readonly picture: PictureDetections
  readonly layer: QueryLayer
  /** The index of the layer, from 0. */
  readonly at: number
  readonly query: number
}): JSX.Element {
  const t = strings.value.detect
  const { picture, layer, at, query } = props
  const head = state.head.value
  const boxes = picture.layers.map((answers, i): Box => {
    const answer = state.answerOf(answers, query)
    const { name, share, tone } = likeliest(answer)
    const box = { key: i, corners: answer.box, tone }
    return i === at
      ? { ...box, weight: "strong", label: `${name} ${Math.round(100 * share)}` }
      : { ...box, weight: "dashed" }
  })
  const weights = head === "mean" ? layer.mean : (layer.heads[head] ?? layer.mean)
  const name = `${t.queryAttention(query + 1)}. ${t.layer(at + 1, picture.layers.length)}`
  return (
    <Stage label={name} picture={picture} weights={weights}>
      <Boxes boxes={boxes} aspect={picture.width / picture.height} />
    </Stage>
  )
}

function Heads({ layer }: { readonly layer: QueryLayer }): JSX.Element | null {
  const t = strings.value.detect
  const picture = state.detections.value
  if (picture === null || layer.heads.length < 2) return null
  const maps = [{ of: "mean" as const, weights: layer.mean }, ...layer.heads.map((weights, of) => ({ of, weights }))]
  const aspect = picture.width / picture.height
  return (
    <div class="query-heads" role="group" aria-label={t.heads} style={{ "--aspect": aspect }}>
      {maps.map(({ of, weights }) => (
        <button
          key={of}
          type="button"
          class={of === state.head.value ? "small-map chosen" : "small-map"}
          aria-label={of === "mean" ? t.mean : strings.value.figure.head(of + 1)}
          title={of === "mean" ? t.mean : strings.value.figure.head(of + 1)}
          aria-pressed={of === state.head.value}
          onClick={() => {
            state.head.value = of
          }}
        >
          <SmallMap weights={weights} grid={picture.grid} />
        </button>
      ))}
    </div>
  )
}

function Classes({ layer }: { readonly layer: QueryLayer }): JSX.Element {
  const t = strings.value.detect
  // If there are only a few classes, each keeps its place in all layers.
  const few = (state.summary.value?.labels.length ?? 0) < 5
  const classes = few ? layer.classes.toSorted((a, b) => a.index - b.index) : layer.classes
  const best = classes.findIndex(({ index }) => index === layer.classes[0]?.index)
  return (
    <Bars
      labels={classes.map(({ index }) => nameOf(index))}
      values={classes.map(({ probability }) => probability)}
      show={percent}
      most={1}
      best={best}
      label={t.classes}
      tap="classes"
    />
  )
}
