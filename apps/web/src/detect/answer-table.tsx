import type { Signal } from "@preact/signals"
import type { JSX } from "preact"
import { percent } from "../figures/format.ts"
import { strings } from "../strings/index.ts"
import { likeliest, nameOf, toneOf } from "./names.ts"
import * as state from "./state.ts"

/** The answers above the threshold, and the idle queries if the reader wants them. */
export function AnswerTable(): JSX.Element {
  const t = strings.value.detect
  const { threshold, withTruth, withIdle } = state
  const objects = state.answers.value.filter(({ score }) => score > threshold.value)
  const idle = withIdle.value ? state.answers.value.slice(objects.length) : []
  const isScene = state.current.value === 0
  return (
    <>
      <div class="knobs">
        <label class="slider">
          {t.threshold}
          <input
            type="range"
            min={0.05}
            max={0.95}
            step={0.01}
            value={threshold.value}
            aria-valuetext={percent(threshold.value)}
            onInput={(event) => {
              threshold.value = Number(event.currentTarget.value)
            }}
          />
          <output>{Math.round(100 * threshold.value)} %</output>
        </label>
        {isScene ? <Toggle text={t.truth} value={withTruth} /> : null}
        <Toggle text={t.idle} value={withIdle} />
      </div>
      <p class="hint" role="status" data-count={objects.length}>
        {state.detections.value === null
          ? ""
          : objects.length === 0
            ? t.nothing(`${Math.round(100 * threshold.value)} %`)
            : t.objects(objects.length)}
      </p>
      {objects.length + idle.length === 0 ? null : (
        <table
          class="findings"
          aria-label={t.answers}
          onPointerLeave={() => {
            state.pointedQuery.value = null
          }}
          onKeyDown={(event) => {
            if (event.key === "Escape") state.chosenQuery.value = state.pointedQuery.value = null
          }}
        >
          <thead>
            <tr>
              <th scope="col">{t.objectClass}</th>
              <th scope="col">{t.score}</th>
              <th scope="col" title={t.boxHint}>
                {t.box}
              </th>
              <th scope="col">{t.query}</th>
            </tr>
          </thead>
          <tbody>
            {objects.map((each) => (
              <Row key={each.query} answer={each} />
            ))}
            {idle.map((each) => (
              <Row key={each.query} answer={each} isIdle />
            ))}
          </tbody>
        </table>
      )}
    </>
  )
}

function Toggle(props: { readonly text: string; readonly value: Signal<boolean> }): JSX.Element {
  const { text, value } = props
  return (
    <label class="choice">
      <input
        type="checkbox"
        checked={value.value}
        onChange={(event) => {
          value.value = event.currentTarget.checked
        }}
      />
      {text}
    </label>
  )
}

function Row({ answer, isIdle = false }: { readonly answer: state.Answer; readonly isIdle?: boolean }): JSX.Element {
  const { query, label, score, box } = answer
  const { name, share } = isIdle ? likeliest(answer) : { name: nameOf(label), share: score }
  const [height, width] = state.detections.value?.size ?? [1, 1]
  const pixels = box.map((share, i) => Math.round(share * (i % 2 === 0 ? width : height)))
  const point = (): void => {
    state.pointedQuery.value = query
  }
  return (
    <tr
      class={`${isIdle ? "idle" : ""} ${state.markedQuery.value === query ? "marked" : ""}`}
      data-query={query}
      onPointerEnter={point}
      onClick={() => {
        state.chosenQuery.value = query
      }}
    >
      <th scope="row">
        <label>
          <input
            type="radio"
            name="query"
            checked={state.chosenQuery.value === query}
            onFocus={point}
            onBlur={() => {
              state.pointedQuery.value = null
            }}
            onChange={() => {
              state.chosenQuery.value = query
            }}
          />
          <i class={`swatch ${isIdle ? "none" : toneOf(label)}`} />
          {name}
        </label>
      </th>
      <td class="score">
        <span class="track" aria-hidden="true">
          <span class="bar" style={{ "--share": share }} />
        </span>
        {percent(share)}
      </td>
      <td class="digits">{pixels.map((edge) => String(edge).replace("-", "−")).join(", ")}</td>
      <td class="digits">{query + 1}</td>
    </tr>
  )
}
