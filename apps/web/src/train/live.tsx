import type { JSX } from "preact"
import { Alert } from "../figures/alert.tsx"
import { brief, format, percent } from "../figures/format.ts"
import { Plot } from "../figures/plot.tsx"
import { strings } from "../strings/index.ts"
import { SampleFigure } from "./sample.tsx"
import * as state from "./state.ts"
import { thinned } from "./thinned.ts"

/** The accuracy on fewer pictures is known to no better than ten points. */
const fewest = 100

/** The run in progress. */
export function Live(): JSX.Element {
  const t = strings.value.train
  const progress = state.progress.value
  const phase = state.phase.value
  const loss = progress.losses.at(-1)?.[1]
  const accuracy = progress.accuracies.at(-1)?.[1]
  const { validation } = progress
  const published = phase === "done" ? state.runs.value.find(({ name }) => name === progress.name)?.best : undefined
  const facts: readonly (readonly [string, string])[] = [
    [t.loss, loss === undefined ? "–" : format(loss, 4)],
    [t.accuracy, accuracy === undefined ? "–" : percent(accuracy)],
    [t.learningRate, progress.learningRate === 0 ? "–" : brief(progress.learningRate)],
    [t.speed, progress.imagesPerSecond === 0 ? "–" : brief(progress.imagesPerSecond)],
    [t.eta, progress.eta === 0 || phase !== "running" ? "–" : t.seconds(progress.eta)],
  ]
  return (
    <section class="live" aria-label={t.phases.running}>
      <p class="phase" role="status" data-phase={phase}>
        {phase === "idle" || phase === "preparing" || phase === "paused" ? t.phases[phase] : null}
        {phase === "running" ? `${progress.name}: ${t.stepOf(progress.step, progress.steps)}` : null}
        {phase === "done" ? `${progress.name}: ${t.phases.done}` : null}
      </p>
      {state.fault.value === null ? null : <Alert>{strings.value.status.failed(state.fault.value)}</Alert>}
      {state.deviceLost.value ? <Alert class="status">{t.deviceLost}</Alert> : null}
      {state.unsaved.value === null ? null : <Alert>{t.unsaved(state.unsaved.value)}</Alert>}
      <progress
        max={Math.max(1, progress.steps)}
        value={progress.step}
        aria-label={t.stepOf(progress.step, progress.steps)}
      />
      {phase === "running" ? (
        <button type="button" onClick={() => void state.pause()}>
          {t.pause}
        </button>
      ) : null}
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd data-fact={name}>{value}</dd>
          </div>
        ))}
      </dl>
      {validation === 0 || validation >= fewest ? null : (
        <p class="hint" data-note="few">
          {t.fewValidation(validation, Math.round(196 * Math.sqrt(0.25 / validation)))}
        </p>
      )}
      {published ? (
        <p class="hint" data-note="published">
          {t.published(published.step, percent(published.score))}
        </p>
      ) : null}
      {progress.losses.length < 2 ? null : (
        <div class="pair">
          <Plot
            label={t.loss}
            x={t.step}
            y={t.loss}
            height={240}
            xRange={[0, Math.max(progress.steps, 1)]}
            series={[{ name: t.training, points: thinned(progress.losses), color: 1 }]}
          />
          <Plot
            label={t.accuracy}
            x={t.step}
            y={t.accuracy}
            height={240}
            xRange={[0, Math.max(progress.steps, 1)]}
            yRange={[0, 1]}
            show={percent}
            series={[{ name: t.validation, points: progress.accuracies, color: 3 }]}
          />
        </div>
      )}
      {progress.samples.length === 0 ? null : (
        <>
          <h2 class="small">{progress.heldOut ? t.samples : t.trainSamples}</h2>
          <div class="samples">
            {progress.samples.map((sample, i) => (
              <SampleFigure key={i} sample={sample} />
            ))}
          </div>
        </>
      )}
    </section>
  )
}
