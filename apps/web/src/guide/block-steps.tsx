import { dropoutMask, foldKey, keyFromSeed } from "@vitrine/core"
import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { elementAt } from "../checked.ts"
import { format } from "../figures/format.ts"
import { chosenBlock, chosenHead } from "../figures/link.ts"
import { Matrix } from "../figures/matrix.tsx"
import { Plot } from "../figures/plot.tsx"
import { roving } from "../figures/roving.ts"
import { dot, matrix, type Numbers, rowOf, transposed, type View, valueAt, view } from "../figures/view.ts"
import { strings } from "../strings/index.ts"
import { Glance, HeadPicker, ScaleChoice, scaleOf } from "./attention-steps.tsx"
import { dimensions, constantAxis, tokenName, tokens } from "./axes.ts"
import { className } from "./input-steps.tsx"
import type { FigureData } from "./state.ts"

const labels = (): (typeof strings.value)["guide"]["labels"] => strings.value.guide.labels

/** The tokens before a block. */
const blockInput = (g: FigureData): View => view(g.tap(g.block === 0 ? "tokens" : `blocks.${g.block - 1}.residual2`))

function Addition(props: {
  readonly g: FigureData
  readonly before: View
  readonly added: View
  readonly after: View
  readonly symbols: readonly [string, string, string]
  readonly taps: readonly [string, string]
}): JSX.Element {
  const { g, before, added, after, symbols, taps } = props
  const t = labels()
  const largest = Math.max(...[before, added, after].map(({ data }) => Math.max(...data.map(Math.abs))))
  const domain = [-largest, largest] as const
  const rows = tokens(g.grid)
  const height = 119
  return (
    <div class="addition">
      <Matrix
        view={before}
        symbol={symbols[0]}
        label={t.before}
        rows={rows}
        cols={dimensions()}
        domain={domain}
        height={height}
      />
      <span class="operator" aria-hidden="true">
        +
      </span>
      <Matrix
        view={added}
        symbol={symbols[1]}
        label={t.added}
        rows={rows}
        cols={dimensions()}
        domain={domain}
        height={height}
        tap={taps[0]}
      />
      <span class="operator" aria-hidden="true">
        =
      </span>
      <Matrix
        view={after}
        symbol={symbols[2]}
        label={t.after}
        rows={rows}
        cols={dimensions()}
        domain={domain}
        height={height}
        tap={taps[1]}
        explain={({ row, col }) => `= ${format(valueAt(before, row, col), 4)} + ${format(valueAt(added, row, col), 4)}`}
      />
    </div>
  )
}

export function drawResidual(g: FigureData): JSX.Element {
  return (
    <>
      <HeadPicker g={g} heads={false} />
      <Addition
        g={g}
        before={blockInput(g)}
        added={view(g.inBlock("attn.proj"))}
        after={view(g.inBlock("residual1"))}
        symbols={["z", "MSA", "z′"]}
        taps={["attn.proj", "residual1"]}
      />
    </>
  )
}

export function drawResidual2(g: FigureData): JSX.Element {
  return (
    <>
      <HeadPicker g={g} heads={false} />
      <Addition
        g={g}
        before={view(g.inBlock("residual1"))}
        added={view(g.inBlock("mlp.output"))}
        after={view(g.inBlock("residual2"))}
        symbols={["z′", "MLP", "z″"]}
        taps={["mlp.output", "residual2"]}
      />
    </>
  )
}

export function drawNorm(g: FigureData): JSX.Element {
  const t = labels()
  const { token } = g
  const name = tokenName(token, g.grid)
  const x = rowOf(view(g.inBlock("residual1")), token)
  const mean = x.reduce((a, b) => a + b, 0) / x.length
  const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length
  const epsilon = g.model.config.layerNormEpsilon
  const standard = x.map((value) => (value - mean) / Math.sqrt(variance + epsilon))
  const strip = (data: Numbers, symbol: string, text: string, tap?: string): JSX.Element => (
    <Matrix
      view={matrix(data, 1, data.length)}
      symbol={symbol}
      label={text}
      rows={constantAxis("")}
      cols={dimensions()}
      height={24}
      {...(tap === undefined ? {} : { tap })}
    />
  )
  const block = `blocks.${g.block}`
  return (
    <>
      <HeadPicker g={g} heads={false} />
      {strip(x, "x", `${t.before}: ${name}`)}
      <dl class="facts">
        <div>
          <dt>{t.mean} μ</dt>
          <dd>{format(mean, 4)}</dd>
        </div>
        <div>
          <dt>{t.variance} σ²</dt>
          <dd>{format(variance, 4)}</dd>
        </div>
        <div>
          <dt>√(σ² + ε)</dt>
          <dd>{format(Math.sqrt(variance + epsilon), 4)}</dd>
        </div>
      </dl>
      {strip(standard, "(x − μ)/σ", t.standardized)}
      {strip(g.parameter(`${block}.norm2.weight`).data, "γ", t.gamma)}
      {strip(g.parameter(`${block}.norm2.bias`).data, "β", t.beta)}
      {strip(rowOf(view(g.inBlock("norm2")), token), "LN(x)", t.after)}
      <Matrix
        view={view(g.inBlock("norm2"))}
        symbol="LN(z′)"
        label={t.normed}
        rows={tokens(g.grid)}
        cols={dimensions()}
        tap="norm2"
        height={119}
      />
    </>
  )
}

/** x Φ(x), with the error function of Abramowitz and Stegun 7.1.26. It is only used to draw the curve. */
function gelu(x: number): number {
  const z = Math.abs(x) / Math.SQRT2
  const t = 1 / (1 + 0.3275911 * z)
  const tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  const erf = 1 - tail * Math.exp(-z * z)
  return 0.5 * x * (1 + (x < 0 ? -erf : erf))
}

const curve = Array.from({ length: 121 }, (_, i): [number, number] => [i / 15 - 4, gelu(i / 15 - 4)])

export function MlpFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const t = labels()
  const training = useSignal(false)
  const draw = useSignal(0)
  const { token } = g
  const before = view(g.inBlock("mlp.fc1"))
  const hidden = view(g.inBlock("mlp.hidden"))
  const dots = Array.from({ length: before.cols }, (_, i): [number, number] => [
    valueAt(before, token, i),
    valueAt(hidden, token, i),
  ])
  const rate = g.model.config.dropout
  const mask = new Float32Array(hidden.data.length)
  if (training.value) dropoutMask(foldKey(keyFromSeed(draw.value), `blocks.${g.block}.mlp.drop1`), rate, mask)
  const masked = training.value
    ? matrix(
        mask.map((factor, i) => factor * elementAt(hidden.data, i)),
        hidden.rows,
        hidden.cols,
      )
    : hidden
  return (
    <>
      <HeadPicker g={g} heads={false} />
      <Matrix
        view={transposed(view(g.parameter(`blocks.${g.block}.mlp.fc1.weight`)))}
        symbol="W₁ᵀ"
        label={t.learned}
        rows={dimensions()}
        cols={dimensions()}
        height={160}
      />
      <Matrix
        view={before}
        symbol="W₁x + b₁"
        label={t.hiddenBefore}
        rows={tokens(g.grid)}
        cols={dimensions()}
        tap="mlp.fc1"
      />
      <Plot
        label={`${t.geluCurve}: ${t.units}`}
        x={t.hiddenBefore}
        y={t.hidden}
        xRange={[-4, 4]}
        yRange={[-0.5, 4]}
        height={250}
        series={[
          { name: t.geluCurve, points: curve, color: 5 },
          {
            name: `${t.units} (${tokenName(token, g.grid)})`,
            points: dots.filter(([x]) => Math.abs(x) <= 4),
            color: 1,
            dots: true,
          },
        ]}
      />
      <div class="head-picker">
        <fieldset class="segments">
          <legend>{strings.value.guide.dropout(rate)}</legend>
          {[false, true].map((on) => (
            <label key={String(on)}>
              <input
                type="radio"
                name="dropout"
                checked={training.value === on}
                onChange={() => {
                  training.value = on
                }}
              />
              <span>{on ? t.training : t.inference}</span>
            </label>
          ))}
        </fieldset>
        {training.value ? (
          <button
            type="button"
            onClick={() => {
              draw.value++
            }}
          >
            {t.newMask}
          </button>
        ) : null}
      </div>
      <Matrix
        view={masked}
        symbol="GELU"
        label={t.hidden}
        rows={tokens(g.grid)}
        cols={dimensions()}
        tap="mlp.hidden"
        explain={({ row, col }) =>
          training.value && mask[row * hidden.cols + col] === 0
            ? t.dropped
            : `= GELU(${format(valueAt(before, row, col), 4)})`
        }
      />
      <Matrix
        view={view(g.parameter(`blocks.${g.block}.mlp.fc2.weight`))}
        symbol="W₂"
        label={t.learned}
        rows={dimensions()}
        cols={dimensions()}
        height={160}
      />
      <Matrix
        view={view(g.inBlock("mlp.output"))}
        symbol="MLP"
        label={t.mlpOutput}
        rows={tokens(g.grid)}
        cols={dimensions()}
        tap="mlp.output"
        height={119}
      />
    </>
  )
}

/**
 * The class that the model would give if it ended before the first block, after it, and so on: the last norm and the head
 * read the class token of each. `[depth + 1, classes]`.
 */
function classAfterBlocks(g: FigureData): View {
  const { depth, classes, layerNormEpsilon } = g.model.config
  const [gamma, beta] = [g.parameter("norm.weight").data, g.parameter("norm.bias").data]
  const [weights, bias] = [view(g.parameter("head.weight")), g.parameter("head.bias").data]
  const levels = ["tokens", ...Array.from({ length: depth }, (_, i) => `blocks.${i}.residual2`)]
  const rows = levels.map((name) => {
    const x = rowOf(view(g.tap(name)), 0)
    const mean = x.reduce((a, b) => a + b, 0) / x.length
    const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length
    const deviation = Math.sqrt(variance + layerNormEpsilon)
    const normed = x.map((value, i) => ((value - mean) / deviation) * elementAt(gamma, i) + elementAt(beta, i))
    const powers = Array.from(bias, (b, k) => Math.exp(dot(normed, rowOf(weights, k)) + b))
    const sum = powers.reduce((a, b) => a + b, 0)
    return powers.map((power) => power / sum)
  })
  return matrix(Float32Array.from(rows.flat()), depth + 1, classes)
}

export function RepeatFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const t = labels()
  const { depth, heads } = g.model.config
  const { figure } = strings.value
  const maps = Array.from({ length: depth * heads }, (_, i) => {
    const [block, head] = [Math.floor(i / heads), i % heads]
    const row = rowOf(view(g.tap(`blocks.${block}.attn.weights`), head), 0)
    return { block, head, own: row.at(0) ?? 0, patches: row.subarray(1) }
  })
  const choose = (index: number): void => {
    chosenBlock.value = Math.floor(index / heads)
    chosenHead.value = index % heads
  }
  const most = scaleOf(maps.map(({ patches }) => patches))
  return (
    <>
      <ScaleChoice />
      <div class="depth-grid" style={{ "--heads": heads }} data-roving>
        {maps.map(({ block, head, own, patches }, i) => (
          <div key={i} class={block === g.block && head === g.head ? "chosen" : ""}>
            <Glance
              g={g}
              token={0}
              weights={patches}
              most={most}
              name={`${figure.classToken}: ${figure.block(block + 1)}, ${figure.head(head + 1)}`}
              stop={roving(i, { chosen: g.block * heads + g.head, count: maps.length, columns: heads, choose })}
              onChoose={() => choose(i)}
            />
            <small>
              {block + 1}·{head + 1} <span title={t.ownShare}>{Math.round(100 * own)} %</span>
            </small>
          </div>
        ))}
      </div>
      <small>{t.ownShareNote}</small>
      <Matrix
        view={classAfterBlocks(g)}
        symbol="p"
        label={t.lens}
        rows={{ name: t.layers, describe: (i) => (i === 0 ? t.beforeBlocks : `${t.afterBlock} ${i}`) }}
        cols={{ name: t.isA, describe: className }}
        scale="share"
        domain={[0, 1]}
        cell={44}
        tap="lens"
      />
      <small>{t.lensNote}</small>
      {Array.from({ length: depth }, (_, i) => (
        <Matrix
          key={i}
          view={view(g.tap(`blocks.${i}.residual2`))}
          symbol={`z${"₁₂₃₄₅₆₇₈₉"[i] ?? ""}`}
          label={`${t.afterBlock} ${i + 1}`}
          rows={tokens(g.grid)}
          cols={dimensions()}
          height={85}
          tap={`blocks.${i}.residual2`}
        />
      ))}
    </>
  )
}
