import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { engine } from "../engine/client.ts"
import type { Variant } from "../engine/family.ts"
import { brief, count, format } from "../figures/format.ts"
import { Matrix } from "../figures/matrix.tsx"
import { Patches } from "../figures/patches.tsx"
import { Plot, type Series } from "../figures/plot.tsx"
import { matrix, rowOf, similarity, view } from "../figures/view.ts"
import { strings } from "../strings/index.ts"
import { failed, useAnswer, Waiting } from "./answer.tsx"
import { HeadPicker } from "./attention-steps.tsx"
import { dimensions, keys, lines, constantAxis, tokenName, tokens } from "./axes.ts"
import { datasets, table5, table6 } from "./paper.ts"
import type { FigureData } from "./state.ts"

const labels = (): (typeof strings.value)["guide"]["labels"] => strings.value.guide.labels

export function ScaleFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const t = labels()
  const { token } = g
  const scores = rowOf(g.inHead("attn.scores"), token)
  const width = g.inHead("attn.q").cols
  const modelDivisor = Math.sqrt(width)
  const power = useSignal(0.5)
  const divisor = width ** power.value
  const scaled = scores.map((score) => (score * modelDivisor) / divisor)
  const top = scaled.reduce((a, b) => Math.max(a, b))
  const weights = scaled.map((score) => Math.exp(score - top))
  const total = weights.reduce((a, b) => a + b, 0)
  const shares = Float32Array.from(weights, (weight) => weight / total)
  const entropy = -shares.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0)
  return (
    <>
      <HeadPicker g={g} />
      <label class="field">
        {t.divisor} {format(divisor, 3)} = {width}
        <sup>{format(power.value, 2)}</sup>
        <input
          type="range"
          min={-1}
          max={1}
          step={0.05}
          value={power.value}
          onInput={(event) => {
            power.value = Number(event.currentTarget.value)
          }}
        />
      </label>
      <div class="pair">
        <Patches
          pixels={g.trace.pixels}
          side={g.side}
          grid={g.grid}
          label={`${t.attendedBy} ${tokenName(token, g.grid)}`}
          weights={shares.subarray(1)}
          weightName={t.weight}
        />
        <div class="stack">
          <Matrix
            view={matrix(scaled, 1, scaled.length)}
            symbol="S"
            label={t.scores}
            rows={constantAxis("")}
            cols={keys(g.grid)}
            height={34}
          />
          <Matrix
            view={matrix(shares, 1, shares.length)}
            symbol="A"
            label={t.weights}
            rows={constantAxis("")}
            cols={keys(g.grid)}
            height={34}
            scale="share"
            domain={[0, 1]}
          />
          <dl class="facts">
            <div>
              <dt>{t.entropy}</dt>
              <dd>
                {format(Math.exp(entropy), 3)} / {shares.length}
              </dd>
            </div>
          </dl>
        </div>
      </div>
    </>
  )
}

export function NormOrderFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const t = labels()
  const answer = useAnswer(() => engine().guide.normOrders(), g.trace.pixels)
  if (answer === null || failed(answer)) return <Waiting answer={answer} />
  const series: Series[] = [
    { name: t.pre, points: answer.pre.map((norm, i) => [i, norm]), color: 1 },
    { name: t.post, points: answer.post.map((norm, i) => [i, norm]), color: 2 },
  ]
  return <Plot label={t.gradientNorm} x={t.depth} y={t.gradientNorm} logY series={series} />
}

export function ConvolutionFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const t = labels()
  const answer = useAnswer(() => engine().guide.convolution(), g.trace)
  if (answer === null || failed(answer)) return <Waiting answer={answer} />
  return (
    <>
      <Matrix
        view={view(g.tap("patch_embed.embeddings"))}
        symbol="xₚE"
        label={t.embeddings}
        rows={tokens(g.grid, 1)}
        cols={dimensions()}
        height={128}
      />
      <Matrix
        view={view(answer.convolved)}
        symbol="x ∗ E"
        label={t.convolved}
        rows={tokens(g.grid, 1)}
        cols={dimensions()}
        height={128}
        tap="convolved"
      />
      <p class="sum">{strings.value.guide.greatest(format(answer.difference, 3))}</p>
    </>
  )
}

const grids = [4, 6, 8, 12, 16]

export function ResolutionFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const t = labels()
  const selectedSide = useSignal(8)
  const side = selectedSide.value
  const answer = useAnswer(
    async () => ({ side, table: await engine().guide.positions(side) }),
    `${side} ${g.trace.steps}`,
  )
  return (
    <>
      <div class="head-picker">
        <fieldset class="segments">
          <legend>{t.grid}</legend>
          {grids.map((n) => (
            <label key={n}>
              <input
                type="radio"
                name="grid"
                checked={n === side}
                onChange={() => {
                  selectedSide.value = n
                }}
              />
              <span>{n}²</span>
            </label>
          ))}
        </fieldset>
      </div>
      {answer === null || failed(answer) ? (
        <Waiting answer={answer} />
      ) : (
        <div class="pair">
          {[
            { side: g.grid, table: view(g.tap("positions")) },
            { side: answer.side, table: view(answer.table) },
          ].map(({ side: n, table }) => {
            const middle = Math.floor(n / 2 - 0.5) * (n + 1) + 1
            return (
              <Matrix
                key={n}
                view={matrix(similarity(table, middle, 1), n, n)}
                label={`${t.similarityTo} ${strings.value.figure.patch(middle, n)}`}
                rows={lines("row")}
                cols={lines("column")}
                domain={[-1, 1]}
                cell={Math.max(14, 300 / n)}
              />
            )
          })}
        </div>
      )}
    </>
  )
}

export function FamilyFigure(): JSX.Element {
  const t = labels()
  const answer = useAnswer(() => engine().family(), 0)
  if (answer === null || failed(answer)) return <Waiting answer={answer} />
  const heads = [t.model, t.width, t.layers, t.headsCount, t.tokensCount, t.parameters, t.flops]
  return (
    <>
      <div class="scroll-x" tabIndex={0} role="group" aria-label={strings.value.guide.steps.family.title}>
        <table class="numbers">
          <thead>
            <tr>
              {heads.map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {answer.map((each) => (
              <tr key={each.name}>
                <th scope="row">{each.name}</th>
                <td>{each.dim}</td>
                <td>{each.depth}</td>
                <td>{each.heads}</td>
                <td>{each.tokens}</td>
                <td>{count(each.parameters)}</td>
                <td>{count(each.flops)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Plot
        label={t.model}
        x={t.flops}
        y={t.parameters}
        logX
        logY
        show={count}
        showX={count}
        height={360}
        yRange={[3e6, 1e9]}
        series={[
          sizeSeries({
            name: "ViT",
            variants: answer.filter(({ name }) => !name.startsWith("R")),
            labelSide: "below",
            color: 1,
          }),
          sizeSeries({
            name: t.hybrid,
            variants: answer.filter(({ name }) => name.startsWith("R")),
            labelSide: "above",
            color: 3,
          }),
        ]}
      />
    </>
  )
}

/** The numbers of parameters of some variants against their FLOPs. */
function sizeSeries({
  variants,
  ...series
}: Pick<Series, "name" | "labelSide" | "color"> & { readonly variants: readonly Variant[] }): Series {
  return {
    ...series,
    points: variants.map(({ flops, parameters }) => [flops, parameters]),
    labels: variants.map(({ name }) => name),
    dots: true,
  }
}

export function PretrainingFigure(): JSX.Element {
  const t = labels()
  const series = table5.map(({ model, top1 }, i): Series => {
    const points = top1.flatMap((value, x): [number, number][] => (value === null ? [] : [[x, value]]))
    return { name: model, points, color: i + 1 }
  })
  return (
    <figure>
      <Plot
        label={strings.value.guide.steps.pretraining.title}
        x={t.dataset}
        y={t.accuracy}
        xRange={[-0.3, 2.3]}
        yRange={[70, 90]}
        xTicks={datasets.map((name, at) => ({ at, name }))}
        series={series}
        height={360}
      />
      <figcaption>
        {t.source}, {strings.value.guide.table(5)}.
      </figcaption>
    </figure>
  )
}

export function ComputeFigure(): JSX.Element {
  const t = labels()
  const families = [
    { family: "vit", name: "ViT", color: 1 },
    { family: "resnet", name: "ResNet (BiT)", color: 2 },
    { family: "hybrid", name: t.hybrid, color: 3 },
  ] as const
  const series = families.map(({ family, name, color }): Series => {
    const models = table6.filter((each) => each.family === family).sort((a, b) => a.exaflops - b.exaflops)
    return {
      name,
      color,
      dots: true,
      points: models.map(({ exaflops, top1 }) => [exaflops, top1]),
      labels: models.map(({ model, epochs }) => strings.value.guide.epochs(model, epochs)),
    }
  })
  return (
    <figure>
      <Plot
        label={strings.value.guide.steps.compute.title}
        x={t.exaflops}
        y={t.accuracy}
        logX
        yRange={[76, 89]}
        series={series}
        height={360}
        xTicks={[50, 100, 200, 500, 1000, 2000, 4000].map((at) => ({ at, name: brief(at) }))}
      />
      <figcaption>
        {t.source}, {strings.value.guide.table(6)}.
      </figcaption>
    </figure>
  )
}
