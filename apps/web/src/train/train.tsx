import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { useEffect } from "preact/hooks"
import type { Entry } from "../engine/archive.ts"
import type { Sample } from "../engine/samples.ts"
import type { RunSummary, TrainSetup } from "../engine/training.ts"
import { DropZone } from "../figures/drop-zone.tsx"
import { brief, format, percent } from "../figures/format.ts"
import { Picture } from "../figures/picture.tsx"
import { Plot } from "../figures/plot.tsx"
import { strings } from "../strings/index.ts"
import { examples, Make } from "./make.tsx"
import { modelOf, recipeOf, resolutions, type Size } from "./presets.ts"
import * as state from "./state.ts"

type DataKind = "shapes" | "folder" | "make"

const className = (name: string): string => {
  const { classes } = strings.value.guide
  const english = ["arrow", "circle", "crescent", "cross", "half disc", "heart", "ring", "square", "star", "triangle"]
  return classes[english.indexOf(name)] ?? name
}

export function Train(): JSX.Element {
  const t = strings.value.train
  useEffect(() => void state.refresh(), [])
  return (
    <main id="content" class="room" tabIndex={-1}>
      <header class="opening">
        <h1>{t.title}</h1>
        <p class="lead">{t.lead}</p>
      </header>
      <div class="train-grid">
        <Setup />
        <Live />
      </div>
      <Runs />
    </main>
  )
}

function Setup(): JSX.Element {
  const t = strings.value.train
  const kind = useSignal<DataKind>("shapes")
  const size = useSignal<Size>("small")
  const side = useSignal(32)
  const steps = useSignal(600)
  const batch = useSignal(64)
  const rate = useSignal(0.002)
  const augment = useSignal(false)
  const seed = useSignal(0)
  const name = useSignal("shapes")
  const from = useSignal<readonly Entry[]>([])
  const heads = useSignal(0)
  const busy = state.phase.value === "preparing" || state.phase.value === "running"
  const own = state.ownData.value
  const setup = async (): Promise<TrainSetup> => {
    if (kind.value === "make") await state.readExamples(examples.value, side.value)
    const count = kind.value === "shapes" ? Number.POSITIVE_INFINITY : (state.ownData.value?.train ?? 0)
    const model =
      from.value.length === 0
        ? modelOf(size.value, side.value)
        : { imageSize: [side.value, side.value] as const, ...(heads.value > 0 ? { heads: heads.value } : {}) }
    const choice = {
      steps: steps.value,
      batchSize: Math.max(1, Math.min(batch.value, count)),
      learningRate: rate.value,
      augment: augment.value,
    }
    return {
      name: freeName(name.value.trim() || "run"),
      data: kind.value === "shapes" ? "shapes" : "own",
      recipe: recipeOf(model, choice, side.value),
      seed: seed.value,
      ...(from.value.length === 0 ? {} : { from: from.value }),
    }
  }
  const number = (
    label: string,
    value: typeof steps,
    options: { readonly min: number; readonly max?: number; readonly step?: number },
  ): JSX.Element => (
    <label class="field">
      {label}
      <input
        type="number"
        value={value.value}
        {...options}
        onChange={(event) => {
          value.value = Math.max(options.min, Number(event.currentTarget.value))
        }}
      />
    </label>
  )
  return (
    <form
      class="setup"
      onSubmit={(event) => {
        event.preventDefault()
        void state.begin(setup)
      }}
    >
      <fieldset disabled={busy}>
        <legend>
          <span class="step-number">1</span> {t.data}
        </legend>
        <div class="choices">
          {(["shapes", "folder", "make"] as const).map((each) => (
            <label key={each} class="choice">
              <input
                type="radio"
                name="kind"
                checked={kind.value === each}
                onChange={() => {
                  kind.value = each
                  name.value = each === "shapes" ? "shapes" : "mine"
                  augment.value = each !== "shapes"
                }}
              />
              {t.kinds[each]}
            </label>
          ))}
        </div>
        {kind.value === "shapes" ? <p class="hint">{t.shapesHint}</p> : null}
        {kind.value === "folder" ? (
          <DropZone
            buttons={[
              { text: t.chooseFolder, folder: true },
              { text: t.chooseZip, accept: ".zip" },
            ]}
            onFiles={(entries) => void state.readFolder(entries, side.value)}
          >
            <p class="hint">
              {t.folderHint} {t.dropHere}
            </p>
            {state.reading.value === null ? null : <p role="status">{t.reading(...state.reading.value)}</p>}
            {own === null ? null : (
              <p role="status">{t.readData(own.name, own.train, own.validation, own.classes.length)}</p>
            )}
          </DropZone>
        ) : null}
        {kind.value === "make" ? <Make /> : null}
      </fieldset>
      <fieldset disabled={busy}>
        <legend>
          <span class="step-number">2</span> {t.model}
        </legend>
        <div class="fields">
          {from.value.length > 0 ? null : (
            <label class="field wide">
              {t.size}
              <select
                value={size.value}
                onChange={(event) => {
                  size.value = event.currentTarget.value as Size
                }}
              >
                {(["small", "medium", "tiny"] as const).map((each) => (
                  <option key={each} value={each}>
                    {t.sizes[each]}
                  </option>
                ))}
              </select>
            </label>
          )}
          <label class="field">
            {t.resolution}
            <select
              value={side.value}
              onChange={(event) => {
                side.value = Number(event.currentTarget.value)
                state.ownData.value = null
              }}
            >
              {(from.value.length > 0 ? [...resolutions, 224] : resolutions).map((each) => (
                <option key={each} value={each}>
                  {each} × {each}
                </option>
              ))}
            </select>
          </label>
        </div>
        <details>
          <summary>{t.from}</summary>
          <DropZone
            buttons={[
              { text: t.chooseFolder, folder: true },
              { text: t.chooseZip, accept: ".zip,.json,.safetensors" },
            ]}
            onFiles={(entries) => {
              from.value = entries
              rate.value = 0.0003
            }}
          >
            <p class="hint">{t.fromHint}</p>
            {from.value.length === 0 ? null : (
              <>
                <p role="status">
                  {t.fromChosen(from.value[0]?.[0].split("/")[0] ?? "")}{" "}
                  <button
                    type="button"
                    class="text"
                    onClick={() => {
                      from.value = []
                      heads.value = 0
                    }}
                  >
                    {t.notFrom}
                  </button>
                </p>
                <label class="field">
                  {strings.value.inspect.headCount}
                  <input
                    type="number"
                    min={1}
                    max={64}
                    onChange={(event) => {
                      heads.value = Number(event.currentTarget.value)
                    }}
                  />
                </label>
              </>
            )}
          </DropZone>
        </details>
      </fieldset>
      <fieldset disabled={busy}>
        <legend>
          <span class="step-number">3</span> {t.recipe}
        </legend>
        <div class="fields">
          {number(t.steps, steps, { min: 1, max: 100000 })}
          {number(t.batch, batch, { min: 1, max: 1024 })}
          {number(t.rate, rate, { min: 0, max: 1, step: 0.0001 })}
          {number(t.seed, seed, { min: 0 })}
        </div>
        <label class="choice">
          <input
            type="checkbox"
            checked={augment.value}
            onChange={(event) => {
              augment.value = event.currentTarget.checked
            }}
          />
          {t.augment}
        </label>
        <label class="field">
          {t.name}
          <input
            type="text"
            value={name.value}
            maxLength={40}
            onInput={(event) => {
              name.value = event.currentTarget.value.replaceAll(/[/\\:]/g, "")
            }}
          />
        </label>
      </fieldset>
      <div class="actions">
        <button type="submit" class="primary" disabled={busy}>
          {t.start}
        </button>
      </div>
    </form>
  )
}

/** A name that no run has. */
function freeName(name: string): string {
  const taken = new Set(state.runs.value.map((run) => run.name))
  let free = name
  for (let i = 2; taken.has(free); i++) free = `${name}-${i}`
  return free
}

/** At most so many points, each the mean of its neighbours, so that long runs stay quick to draw. */
function thinned(points: readonly (readonly [number, number])[], most = 240): (readonly [number, number])[] {
  const each = Math.ceil(points.length / most)
  if (each <= 1) return [...points]
  return Array.from({ length: Math.ceil(points.length / each) }, (_, i) => {
    const group = points.slice(i * each, (i + 1) * each)
    const mean = (axis: 0 | 1): number => group.reduce((sum, point) => sum + point[axis], 0) / group.length
    return [Math.round(mean(0)), mean(1)] as const
  })
}

function Live(): JSX.Element {
  const t = strings.value.train
  const now = state.progress.value
  const phase = state.phase.value
  const loss = now.losses.at(-1)?.[1]
  const accuracy = now.accuracies.at(-1)?.[1]
  const facts: readonly (readonly [string, string])[] = [
    [t.loss, loss === undefined ? "–" : format(loss, 4)],
    [t.accuracy, accuracy === undefined ? "–" : percent(accuracy)],
    [t.learningRate, now.learningRate === 0 ? "–" : brief(now.learningRate)],
    [t.speed, now.imagesPerSecond === 0 ? "–" : brief(now.imagesPerSecond)],
    [t.eta, now.eta === 0 || phase !== "running" ? "–" : t.seconds(now.eta)],
  ]
  return (
    <section class="live" aria-label={t.phases.running}>
      <p class="phase" role="status" data-phase={phase}>
        {phase === "idle" || phase === "preparing" || phase === "paused" ? t.phases[phase] : null}
        {phase === "running" ? `${now.name}: ${t.stepOf(now.step, now.steps)}` : null}
        {phase === "done" ? `${now.name}: ${t.phases.done}` : null}
      </p>
      {state.fault.value === null ? null : (
        <p class="status failed" role="alert">
          {strings.value.status.failed(state.fault.value)}
        </p>
      )}
      {state.deviceLost.value ? (
        <p class="status" role="alert">
          {t.deviceLost}
        </p>
      ) : null}
      {state.unsaved.value === null ? null : (
        <p class="status failed" role="alert">
          {t.unsaved(state.unsaved.value)}
        </p>
      )}
      <progress max={Math.max(1, now.steps)} value={now.step} aria-label={t.stepOf(now.step, now.steps)} />
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
      {now.losses.length < 2 ? null : (
        <div class="pair">
          <Plot
            label={t.loss}
            x={t.step}
            y={t.loss}
            height={240}
            xRange={[0, Math.max(now.steps, 1)]}
            series={[{ name: t.training, points: thinned(now.losses), color: 1 }]}
          />
          <Plot
            label={t.accuracy}
            x={t.step}
            y={t.accuracy}
            height={240}
            xRange={[0, Math.max(now.steps, 1)]}
            yRange={[0, 1]}
            show={percent}
            series={[{ name: t.validation, points: now.accuracies, color: 3 }]}
          />
        </div>
      )}
      {now.samples.length === 0 ? null : (
        <>
          <h2 class="small">{t.samples}</h2>
          <div class="samples">
            {now.samples.map((sample, i) => (
              <SampleFigure key={i} sample={sample} />
            ))}
          </div>
        </>
      )}
    </section>
  )
}

function SampleFigure({ sample }: { readonly sample: Sample }): JSX.Element {
  const t = strings.value.train
  const { pixels, width, height, attention, grid, label, predicted, probability } = sample
  const most = attention.reduce((a, b) => Math.max(a, b), 1e-9)
  const right = label === predicted
  return (
    <figure
      class={right ? "sample right" : "sample wrong"}
      aria-label={t.sample(className(predicted), percent(probability), className(label))}
    >
      <div class="glance" style={{ "--grid": grid[1] }}>
        <Picture pixels={pixels} width={width} height={height} />
        {Array.from(attention, (weight, i) => (
          <span key={i} class="patch" style={{ "--veil": 0.85 * (1 - weight / most) }} />
        ))}
      </div>
      <figcaption>
        <span aria-hidden="true">{right ? "✓" : "✗"}</span> {className(predicted)} <b>{percent(probability)}</b>
      </figcaption>
    </figure>
  )
}

function Runs(): JSX.Element {
  const t = strings.value.train
  const compared = useSignal<ReadonlySet<string>>(new Set())
  const all = state.runs.value
  const busy = state.phase.value === "preparing" || state.phase.value === "running"
  const shown = all.filter(({ name }) => compared.value.has(name))
  const longest = Math.max(1, ...shown.map(({ step }) => step))
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
      {shown.length === 0 ? null : (
        <div class="pair">
          <Plot
            label={t.loss}
            x={t.step}
            y={t.loss}
            logY
            xRange={[0, longest]}
            series={shown.map((run, i) => ({
              name: run.name,
              color: (i % 5) + 1,
              points: thinned(run.curve.steps.map(({ step, loss }) => [step, loss] as const)),
            }))}
          />
          <Plot
            label={t.accuracy}
            x={t.step}
            y={t.accuracy}
            xRange={[0, longest]}
            yRange={[0, 1]}
            show={percent}
            series={shown.map((run, i) => ({
              name: run.name,
              color: (i % 5) + 1,
              points: run.curve.evaluations.map(({ step, score }) => [step, score] as const),
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
  readonly compared: { value: ReadonlySet<string> }
}): JSX.Element {
  const t = strings.value.train
  const { run, busy, compared } = props
  const done = run.step >= run.steps
  return (
    <tr>
      <th scope="row">{run.name}</th>
      <td>{run.data}</td>
      <td>{run.parameters}</td>
      <td>
        {run.step} / {run.steps}
      </td>
      <td>{run.best === null ? "–" : percent(run.best)}</td>
      <td class="row-actions">
        {done ? null : (
          <button
            type="button"
            class="text"
            disabled={busy}
            aria-label={`${t.resume}: ${run.name}`}
            title={run.hasData ? t.resume : t.noData}
            onClick={() => void state.goOn(run)}
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
          onClick={() => void state.forgetRun(run.name)}
        >
          {t.remove}
        </button>
      </td>
    </tr>
  )
}
