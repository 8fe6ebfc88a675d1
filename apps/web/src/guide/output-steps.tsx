import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { elementAt } from "../checked.ts"
import { Bars } from "../figures/bars.tsx"
import { format, percent } from "../figures/format.ts"
import { Matrix } from "../figures/matrix.tsx"
import { Picture } from "../figures/picture.tsx"
import { Plot } from "../figures/plot.tsx"
import { Select } from "../figures/select.tsx"
import { largestIndex, matrix, view } from "../figures/view.ts"
import { strings } from "../strings/index.ts"
import { dimensions, lines, constantAxis, tokens } from "./axes.ts"
import { className } from "./input-steps.tsx"
import { type FigureData, lastStep, losses, reset, status, takeSteps, target } from "./state.ts"

const labels = (): (typeof strings.value)["guide"]["labels"] => strings.value.guide.labels

export function drawReadout(g: FigureData): JSX.Element {
  const pooled = g.tap("pooled").data
  return (
    <>
      <Matrix
        view={view(g.tap("norm"))}
        symbol="LN(z₄)"
        label={labels().normed}
        rows={tokens(g.grid)}
        cols={dimensions()}
        tap="norm"
      />
      <Matrix
        view={matrix(pooled, 1, pooled.length)}
        symbol="y"
        label={labels().finalToken}
        rows={constantAxis("")}
        cols={dimensions()}
        height={34}
        tap="pooled"
      />
    </>
  )
}

export function drawPredict(g: FigureData): JSX.Element {
  const t = labels()
  const logits = g.tap("logits").data
  const probabilities = g.tap("probabilities").data
  const classes = g.model.labels.map((_, i) => className(i))
  const answer = largestIndex(probabilities)
  return (
    <>
      <Matrix
        view={view(g.parameter("head.weight"))}
        symbol="W"
        label={t.headWeights}
        rows={{ name: t.isA, describe: className }}
        cols={dimensions()}
        height={120}
        tap="head.weight"
      />
      <div class="pair">
        <div class="stack">
          <h4>{t.logits}</h4>
          <Bars labels={classes} values={logits} label={t.logits} best={answer} tap="logits" />
        </div>
        <div class="stack">
          <h4>{t.probabilities}</h4>
          <Bars
            labels={classes}
            values={probabilities}
            show={percent}
            most={1}
            label={t.probabilities}
            best={answer}
            tap="probabilities"
          />
        </div>
      </div>
      <div class="answer">
        <Picture pixels={g.trace.pixels} width={g.side} height={g.side} />
        <p>
          {t.prediction} <strong>{className(answer)}</strong>, {percent(elementAt(probabilities, answer))}
        </p>
      </div>
    </>
  )
}

/** The norm of the gradient of each layer, over all parameters of the layer. */
function byLayer(norms: readonly { readonly name: string; readonly norm: number }[]): [string, number][] {
  const squares = new Map<string, number>()
  for (const { name, norm } of norms) {
    const layer = name
      .replace(/\.(weight|bias)$/, "")
      .replace(/^blocks\.(\d+)\.(norm\d|attn|mlp).*/, (_, i, part) => `${Number(i) + 1} ${part}`)
    squares.set(layer, (squares.get(layer) ?? 0) + norm ** 2)
  }
  return [...squares].map(([layer, sum]) => [layer, Math.sqrt(sum)])
}

export function LossFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const t = labels()
  const probabilities = g.tap("probabilities").data
  const exponent = useSignal(-2)
  const label = target.value ?? g.trace.label ?? largestIndex(probabilities)
  const loss = -Math.log(elementAt(probabilities, label))
  const rate = 10 ** exponent.value
  const busy = status.value.kind === "computing"
  const step = lastStep.value
  const classes = g.model.labels.map((_, i) => className(i))
  const norms = step === null ? [] : byLayer(step.norms)
  return (
    <div class="learn">
      <div class="pair">
        <div class="stack">
          <p class="loss-line">
            −log <b>{format(elementAt(probabilities, label), 4)}</b> ={" "}
            <strong data-tap="loss">{format(loss, 5)}</strong>
          </p>
          <label class="field">
            {t.chooseTruth}
            <Select
              value={label}
              options={classes.map((name, i) => ({ value: i, text: i === g.trace.label ? `${name} ✓` : name }))}
              onChoose={(next) => {
                target.value = next
                losses.value = []
              }}
            />
          </label>
          <label class="field">
            {t.rate} η = {format(rate, 2)}
            <input
              type="range"
              min={-3}
              max={0}
              step={0.25}
              value={exponent.value}
              onInput={(event) => {
                exponent.value = Number(event.currentTarget.value)
              }}
            />
          </label>
          <div class="actions">
            <button type="button" class="primary" disabled={busy} onClick={() => void takeSteps(1, label, rate)}>
              {t.takeStep}
            </button>
            <button type="button" disabled={busy} onClick={() => void takeSteps(10, label, rate)}>
              {t.takeTen}
            </button>
          </div>
          <div class="actions">
            <button type="button" class="text" disabled={busy} onClick={() => void reset("random")}>
              {t.forget}
            </button>
            <button type="button" class="text" disabled={busy} onClick={() => void reset("trained")}>
              {t.restore}
            </button>
          </div>
        </div>
        <Bars
          labels={classes}
          values={probabilities}
          show={percent}
          most={1}
          label={t.probabilities}
          best={largestIndex(probabilities)}
          target={label}
        />
      </div>
      {step === null ? null : (
        <>
          <p class="sum" role="status" data-fell={`${step.before} ${step.after}`}>
            {t.fell}: <b>{format(step.before, 5)}</b> → <b>{format(step.after, 5)}</b>
          </p>
          <Plot
            label={t.loss}
            x={t.stepsTaken}
            y={t.loss}
            height={220}
            xTicks={losses.value.map((_, i) => ({ at: i, name: String(i) }))}
            series={[{ name: t.loss, points: losses.value.map((value, i) => [i, value]), color: 1 }]}
          />
          <div class="pair">
            <div class="stack">
              <h4>{t.gradientNorms}</h4>
              <Bars
                labels={norms.map(([name]) => name)}
                values={norms.map(([, norm]) => norm)}
                label={t.gradientNorms}
              />
            </div>
            <Matrix
              view={matrix(perPixel(step.pixels), g.side, g.side)}
              label={t.gradientPixels}
              rows={lines("row")}
              cols={lines("column")}
              scale="share"
              cell={12}
            />
          </div>
        </>
      )}
    </div>
  )
}

/** The norm of the gradient of each pixel, over its channels. */
function perPixel(gradient: Float32Array): Float32Array {
  return Float32Array.from({ length: gradient.length / 3 }, (_, i) =>
    Math.hypot(...gradient.subarray(3 * i, 3 * i + 3)),
  )
}
