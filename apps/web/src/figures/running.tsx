import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { useEffect } from "preact/hooks"
import { strings } from "../strings/index.ts"
import { domainOf } from "./colors.ts"
import { Heat } from "./matrix.tsx"
import { Symbol } from "./symbol.tsx"
import { matrix, type Numbers } from "./view.ts"

/** Numbers that take part in a sum, one for each term. */
export interface Strip {
  readonly symbol: string
  readonly values: Numbers
  readonly scale?: "signed" | "share"
}

interface RunningProps {
  readonly label: string
  readonly strips: readonly Strip[]
  /** The arithmetic of a term as text. */
  readonly term: (index: number) => string
  /** The sum of the first terms, as text. */
  readonly sum: (terms: number) => string
  /** What becomes of the whole sum. */
  readonly end: string
}

const stillness = matchMedia("(prefers-reduced-motion: reduce)")

/** A sum in motion: its terms light up one after another, and the sum grows. A slider moves to any term. */
export function Running({ label, strips, term, sum, end }: RunningProps): JSX.Element {
  const t = strings.value.figure
  const count = strips[0]?.values.length ?? 0
  const terms = useSignal(count)
  const isPlaying = useSignal(false)
  const shown = Math.min(terms.value, count)
  useEffect(() => {
    if (!isPlaying.value) return undefined
    const timer = setInterval(
      () => {
        terms.value = Math.min(count, terms.value + 1)
        if (terms.value === count) isPlaying.value = false
      },
      Math.min(400, 6000 / count),
    )
    return () => clearInterval(timer)
  }, [isPlaying.value, count])
  return (
    <div class="running" role="group" aria-label={label}>
      {strips.map(({ symbol, values, scale = "signed" }) => (
        <div class="strip" key={symbol}>
          <Symbol name={symbol} />
          <span class="strip-cells">
            <Heat view={matrix(values, 1, values.length)} scale={scale} domain={domainOf(values, scale)} />
            <span class="done" style={{ left: `${(100 * shown) / count}%` }} />
            {shown === 0 || shown === count ? null : (
              <span class="cell" style={{ left: `${(100 * (shown - 1)) / count}%`, width: `${100 / count}%` }} />
            )}
          </span>
        </div>
      ))}
      <div class="running-controls">
        {stillness.matches ? null : (
          <button
            type="button"
            onClick={() => {
              if (!isPlaying.value && terms.value >= count) terms.value = 0
              isPlaying.value = !isPlaying.value
            }}
          >
            {isPlaying.value ? t.pause : t.play}
          </button>
        )}
        <label>
          {t.terms}
          <input
            type="range"
            min={0}
            max={count}
            value={shown}
            aria-valuetext={`${shown} / ${count}`}
            onInput={({ currentTarget }) => {
              isPlaying.value = false
              terms.value = Number(currentTarget.value)
            }}
          />
        </label>
      </div>
      <p class="sum">
        {shown === 0 || shown === count ? null : <span>{term(shown - 1)} </span>}Σ = <b>{sum(shown)}</b>{" "}
        {shown === count ? end : null}
      </p>
    </div>
  )
}
