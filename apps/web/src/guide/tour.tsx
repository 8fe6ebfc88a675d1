import { type Signal, signal } from "@preact/signals"
import type { JSX } from "preact"
import { useEffect } from "preact/hooks"
import { elementAt } from "../checked.ts"
import { strings } from "../strings/index.ts"
import { aimAt } from "./aim.ts"
import { stationIds, stations } from "./stations.ts"

/** The station of the tour, by its index, or null outside of the tour. */
const stop: Signal<number | null> = signal(null)

export function TourButton(): JSX.Element {
  const { tour } = strings.value.guide
  return (
    <button
      type="button"
      onClick={() => {
        stop.value = 0
      }}
    >
      {tour.start}
    </button>
  )
}

/** A short way through the guide: one step and one sentence for each part of the model. */
export function Tour(): JSX.Element | null {
  const { tour, overview } = strings.value.guide
  const at = stop.value
  useEffect(() => {
    if (at !== null) aimAt(stations[elementAt(stationIds, at)][0])
  }, [at])
  if (at === null) return null
  const id = elementAt(stationIds, at)
  const isLast = at === stationIds.length - 1
  const end = (): void => {
    stop.value = null
  }
  return (
    <section class="tour" aria-label={tour.start} onKeyDown={({ key }) => key === "Escape" && end()}>
      <p aria-live="polite">
        <b>
          {at + 1}/{stationIds.length} {overview[id]}.
        </b>{" "}
        {tour.words[id]}
      </p>
      <div class="actions">
        <button type="button" disabled={at === 0} onClick={() => (stop.value = at - 1)}>
          {tour.back}
        </button>
        <button type="button" onClick={() => (isLast ? end() : (stop.value = at + 1))}>
          {isLast ? tour.end : tour.next}
        </button>
        <button type="button" class="quiet" aria-label={tour.end} onClick={end}>
          ✕
        </button>
      </div>
    </section>
  )
}
