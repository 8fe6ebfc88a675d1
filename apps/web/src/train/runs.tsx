import { type Signal, useSignal } from "@preact/signals"
import type { JSX } from "preact"
import type { RunSummary } from "../engine/training.ts"
import { DropZone } from "../figures/drop-zone.tsx"
import { percent } from "../figures/format.ts"
import { Plot } from "../figures/plot.tsx"
import { strings } from "../strings/index.ts"
import * as state from "./state.ts"
import { thinned } from "./thinned.ts"

/** The runs on this device. The reader can continue, compare and download them. */
export function Runs(): JSX.Element {
  const t = strings.value.train
  const compared = useSignal<ReadonlySet<string>>(new Set())
  const all = state.runs.value
  const busy = state.phase.value === "preparing" || state.phase.value === "running"
  const comparedRuns = all.filter(({ name }) => compared.value.has(name))
  const longest = Math.max(1, ...comparedRuns.map(({ step }) => step))
  return (
    <section class="runs" aria-label={t.runs}>
      <h2>{t.runs}</h2>
      <p class="hint">{t.inNode}</p>
      {all.length === 0 ? (
        <p class="hint">{t.noRuns}</p>
      ) : (
        <div class="scroll-x" tabIndex={0} role="group" aria-label={t.runs}>
          <table class="numbers">
            <thead>
              <tr>
                <th scope="col">{t.columns.name}</th>
                <th scope="col">{t.columns.data}</th>
                <th scope="col">{t.columns.model}</th>
                <th scope="col">{t.columns.step}</th>
                <th scope="col">{t.columns.best}</th>
                <td />
              </tr>
            </thead>
            <tbody>
              {all.map((run) => (
                <Row key={run.name} run={run} busy={busy} compared={compared} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <DropZone
        buttons={[
          { text: t.chooseFolder, folder: true },
          { text: t.chooseZip, accept: ".zip" },
        ]}
        onFiles={(entries) => void state.openRun(entries)}
      >
        <p class="hint">{t.openRun}</p>
      </DropZone>
      {comparedRuns.length === 0 ? null : (
        <div class="pair">
          <Plot
            label={t.loss}
            x={t.step}
            y={t.loss}
            logY
            xRange={[0, longest]}
            series={comparedRuns.map((run, i) => ({
              name: run.name,
              color: (i % 5) + 1,
              points: thinned(run.curve.steps.map(({ step, loss }) => [step, loss])),
            }))}
          />
          <Plot
            label={t.accuracy}
            x={t.step}
            y={t.accuracy}
            xRange={[0, longest]}
            yRange={[0, 1]}
            show={percent}
            series={comparedRuns.map((run, i) => ({
              name: run.name,
              color: (i % 5) + 1,
              points: run.curve.evaluations.map(({ step, score }) => [step, score]),
            }))}
          />
        </div>
      )}
    </section>
  )
}

function Row(props: {
  readonly run: RunSummary
  readonly busy: boolean
  readonly compared: Signal<ReadonlySet<string>>
}): JSX.Element {
  const t = strings.value.train
  const { run, busy, compared } = props
  const isDone = run.step >= run.steps
  return (
    <tr>
      <th scope="row">{run.name}</th>
      <td>{run.data}</td>
      <td>{run.size}</td>
      <td>
        {run.step} / {run.steps}
      </td>
      <td>{run.best === null ? "–" : t.atStep(percent(run.best.score), run.best.step)}</td>
      <td class="row-actions">
        {isDone ? null : (
          <button
            type="button"
            class="text"
            disabled={busy}
            aria-label={`${t.resume}: ${run.name}`}
            title={run.hasData ? t.resume : t.noData}
            onClick={() => void state.resume(run)}
          >
            {t.resume}
          </button>
        )}
        <label class="choice">
          <input
            type="checkbox"
            checked={compared.value.has(run.name)}
            aria-label={`${t.compare}: ${run.name}`}
            onChange={(event) => {
              const next = new Set(compared.value)
              if (event.currentTarget.checked) next.add(run.name)
              else next.delete(run.name)
              compared.value = next
            }}
          />
          {t.compare}
        </label>
        <button
          type="button"
          class="text"
          aria-label={`${t.download}: ${run.name}`}
          onClick={() => void state.download(run.name)}
        >
          {t.download}
        </button>
        <button
          type="button"
          class="text"
          disabled={busy}
          aria-label={`${t.remove}: ${run.name}`}
          onClick={() => void state.removeRun(run.name)}
        >
          {t.remove}
        </button>
      </td>
    </tr>
  )
}
