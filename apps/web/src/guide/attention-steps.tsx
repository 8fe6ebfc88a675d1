import { type Signal, useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { useId } from "preact/hooks"
import { elementAt } from "../checked.ts"
import type { Cell } from "../figures/cursor.ts"
import { format, percent } from "../figures/format.ts"
import { chosenBlock, chosenHead, chosenToken, hasOneScale, hoveredToken, markedToken } from "../figures/link.ts"
import { Matrix } from "../figures/matrix.tsx"
import { Patches } from "../figures/patches.tsx"
import { Picture } from "../figures/picture.tsx"
import { type Roving, roving } from "../figures/roving.ts"
import { Running } from "../figures/running.tsx"
import { concatenateHeads, dot, matrix, rowOf, transposed, type View, valueAt, view } from "../figures/view.ts"
import { strings } from "../strings/index.ts"
import { dimensions, keys, constantAxis, queries, tokenName, tokens } from "./axes.ts"
import type { FigureData } from "./state.ts"

const labels = (): (typeof strings.value)["guide"]["labels"] => strings.value.guide.labels

/** Lets the reader choose the block and the head of the figures. */
export function HeadPicker({ g, heads = true }: { readonly g: FigureData; readonly heads?: boolean }): JSX.Element {
  const { depth, heads: count } = g.model.config
  const id = useId()
  const choice = (name: string, n: number, chosen: typeof chosenBlock): JSX.Element => (
    <fieldset class="segments">
      <legend>{name}</legend>
      {Array.from({ length: n }, (_, i) => (
        <label key={i}>
          <input
            type="radio"
            name={`${id}-${name}`}
            checked={chosen.value === i}
            onChange={() => {
              chosen.value = i
            }}
          />
          <span>{i + 1}</span>
        </label>
      ))}
    </fieldset>
  )
  return (
    <div class="head-picker">
      {choice(labels().block, depth, chosenBlock)}
      {heads ? choice(labels().head, count, chosenHead) : null}
    </div>
  )
}

/** The columns of a head in one of the matrices W_Q, W_K and W_V, which the model stores as one: dim × headDim. */
function headWeights(g: FigureData, which: 0 | 1 | 2): View {
  const { dim, heads } = g.model.config
  const width = dim / heads
  const { data } = g.parameter(`blocks.${g.block}.attn.qkv.weight`)
  const first = which * dim + g.head * width
  return transposed(matrix(data.subarray(first * dim, (first + width) * dim), width, dim))
}

const projections = [
  ["q", "W_Q", 0],
  ["k", "W_K", 1],
  ["v", "W_V", 2],
] as const

export function drawQkv(g: FigureData): JSX.Element {
  const t = labels()
  return (
    <>
      <HeadPicker g={g} />
      <Matrix
        view={view(g.inBlock("norm1"))}
        symbol="ẑ"
        label={t.normed}
        rows={tokens(g.grid)}
        cols={dimensions()}
        tap="norm1"
        height={119}
      />
      <div class="triple">
        {projections.map(([tone, symbol, which]) => (
          <Matrix
            key={tone}
            view={headWeights(g, which)}
            symbol={symbol}
            tone={tone}
            label={t.learned}
            rows={dimensions()}
            cols={dimensions()}
            cell={14}
          />
        ))}
      </div>
      <div class="triple">
        <Matrix
          view={g.inHead("attn.q")}
          symbol="Q"
          tone="q"
          label={t.query}
          rows={tokens(g.grid)}
          cols={dimensions()}
          tap="attn.q"
          cell={14}
        />
        <Matrix
          view={g.inHead("attn.k")}
          symbol="K"
          tone="k"
          label={t.key}
          rows={tokens(g.grid)}
          cols={dimensions()}
          tap="attn.k"
          cell={14}
        />
        <Matrix
          view={g.inHead("attn.v")}
          symbol="V"
          tone="v"
          label={t.value}
          rows={tokens(g.grid)}
          cols={dimensions()}
          tap="attn.v"
          cell={14}
        />
      </div>
    </>
  )
}

/** The cell whose arithmetic a figure plays: that under the pointer, or the last one. */
const useCell = (token: number): Signal<Cell> => useSignal<Cell>({ row: token, col: token })

export function ScoresFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const t = labels()
  const [q, k, scores] = [g.inHead("attn.q"), g.inHead("attn.k"), g.inHead("attn.scores")]
  const cell = useCell(g.token)
  const { row, col } = cell.value
  const [a, b] = [rowOf(q, row), rowOf(k, col)]
  const products = a.map((value, i) => value * elementAt(b, i))
  const root = Math.sqrt(q.cols)
  return (
    <>
      <HeadPicker g={g} />
      <Matrix
        view={scores}
        symbol="S"
        label={t.scores}
        rows={queries(g.grid)}
        cols={keys(g.grid)}
        tap="attn.scores"
        cell={28}
        onCell={(at) => {
          if (at !== null) cell.value = at
        }}
        explain={({ row, col }) => `= ${format(dot(rowOf(q, row), rowOf(k, col)), 4)} / ${format(root, 4)}`}
      />
      <Running
        label={`${t.scores}: ${queries(g.grid).describe(row)}, ${keys(g.grid).describe(col)}`}
        strips={[
          { symbol: "qᵢ", values: a },
          { symbol: "kⱼ", values: b },
          { symbol: "qᵢ·kⱼ", values: products },
        ]}
        term={(i) =>
          `${format(elementAt(a, i), 3)} · ${format(elementAt(b, i), 3)} = ${format(elementAt(products, i), 3)}`
        }
        sum={(n) => format(total(products, n), 4)}
        end={`/ √${q.cols} = ${format(valueAt(scores, row, col), 4)}`}
      />
    </>
  )
}

/** The sum of the first values. */
const total = (values: Float64Array, count: number): number => values.subarray(0, count).reduce((a, b) => a + b, 0)

export function SoftmaxFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const t = labels()
  const cell = useCell(g.token)
  const { row, col } = cell.value
  const scores = rowOf(g.inHead("attn.scores"), row)
  const powers = scores.map((score) => Math.exp(score))
  const whole = total(powers, powers.length)
  const weights = g.inHead("attn.weights")
  const sums = Float32Array.from({ length: weights.rows }, (_, row) => rowOf(weights, row).reduce((a, b) => a + b, 0))
  return (
    <>
      <HeadPicker g={g} />
      <div class="with-sums">
        <Matrix
          view={weights}
          symbol="A"
          label={t.weights}
          rows={queries(g.grid)}
          cols={keys(g.grid)}
          scale="share"
          tap="attn.weights"
          cell={28}
          onCell={(at) => {
            if (at !== null) cell.value = at
          }}
          explain={({ row, col }) => `= e^${format(valueAt(g.inHead("attn.scores"), row, col), 3)} / Σ`}
        />
        <Matrix
          view={matrix(sums, sums.length, 1)}
          symbol="Σ"
          label={t.rowSum}
          rows={tokens(g.grid)}
          cols={constantAxis(strings.value.figure.sum)}
          scale="share"
          tap="row-sums"
          cell={28}
        />
      </div>
      <Running
        label={`${t.weights}: ${queries(g.grid).describe(row)}, ${keys(g.grid).describe(col)}`}
        strips={[
          { symbol: "Sᵢ", values: scores },
          { symbol: "eˢ", values: powers, scale: "share" },
        ]}
        term={(i) => `e^${format(elementAt(scores, i), 3)} = ${format(elementAt(powers, i), 4)}`}
        sum={(n) => format(total(powers, n), 5)}
        end={`, ${keys(g.grid).describe(col)}: ${format(elementAt(powers, col), 4)} / Σ = ${format(elementAt(powers, col) / whole, 4)}`}
      />
    </>
  )
}

export function RowFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const t = labels()
  const dimension = useSignal(0)
  const { token } = g
  const weights = rowOf(g.inHead("attn.weights"), token)
  const values = g.inHead("attn.v")
  const context = g.inHead("attn.context")
  const weighted = Float32Array.from({ length: values.rows * values.cols }, (_, i) => {
    return elementAt(weights, Math.floor(i / values.cols)) * elementAt(values.data, i)
  })
  const column = Float64Array.from({ length: values.rows }, (_, j) => valueAt(values, j, dimension.value))
  const products = column.map((value, j) => value * elementAt(weights, j))
  return (
    <>
      <HeadPicker g={g} />
      <div class="pair">
        <Patches
          pixels={g.trace.pixels}
          side={g.side}
          grid={g.grid}
          label={`${t.attendedBy} ${tokenName(token, g.grid)}`}
          weights={weights.subarray(1)}
          weightName={t.weight}
        />
        <div class="stack">
          <Matrix
            view={matrix(weights, 1, weights.length)}
            symbol="Aᵢ"
            label={`${t.oneRow}: ${tokenName(token, g.grid)}`}
            rows={constantAxis("")}
            cols={{ ...keys(g.grid), name: strings.value.figure.tokens }}
            scale="share"
            height={30}
          />
          <Matrix
            view={matrix(weighted, values.rows, values.cols)}
            symbol="Aᵢⱼ·vⱼ"
            tone="v"
            label={t.weighted}
            rows={tokens(g.grid)}
            cols={dimensions()}
            onCell={(at) => {
              if (at !== null) dimension.value = at.col
            }}
            explain={({ row, col }) =>
              `= ${format(elementAt(weights, row), 3)} · ${format(valueAt(values, row, col), 3)}`
            }
          />
          <Matrix
            view={matrix(rowOf(context, token), 1, context.cols)}
            symbol="cᵢ"
            label={t.context}
            rows={constantAxis("")}
            cols={dimensions()}
            height={30}
          />
        </div>
      </div>
      <Running
        label={`${t.context}: ${dimensions().describe(dimension.value)}`}
        strips={[
          { symbol: "Aᵢⱼ", values: weights, scale: "share" },
          { symbol: "vⱼ", values: column },
          { symbol: "Aᵢⱼ·vⱼ", values: products },
        ]}
        term={(j) =>
          `${format(elementAt(weights, j), 3)} · ${format(elementAt(column, j), 3)} = ${format(elementAt(products, j), 3)}`
        }
        sum={(n) => format(total(products, n), 4)}
        end={`= c, ${dimensions().describe(dimension.value)}`}
      />
    </>
  )
}

/** The choice of one scale for all maps of a figure. */
export function ScaleChoice(): JSX.Element {
  return (
    <label class="choice">
      <input
        type="checkbox"
        checked={hasOneScale.value}
        onChange={({ currentTarget }) => {
          hasOneScale.value = currentTarget.checked
        }}
      />
      {labels().sharedScale}
    </label>
  )
}

/** The largest of all weights on patches, if all maps have one scale. */
export const scaleOf = (maps: readonly Float64Array[]): number | undefined =>
  hasOneScale.value ? Math.max(...maps.map((map) => Math.max(...map))) : undefined

export function RowsFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const weights = g.inHead("attn.weights")
  const maps = Array.from({ length: g.grid ** 2 }, (_, i) => rowOf(weights, i + 1).subarray(1))
  const most = scaleOf(maps)
  return (
    <>
      <HeadPicker g={g} />
      <ScaleChoice />
      <div class="attention-grid" style={{ "--grid": g.grid }} data-roving>
        {maps.map((map, i) => (
          <Glance
            key={i}
            g={g}
            token={i + 1}
            weights={map}
            most={most}
            stop={roving(i, {
              chosen: Math.max(0, chosenToken.value - 1),
              count: g.grid ** 2,
              columns: g.grid,
              choose: (next) => {
                chosenToken.value = next + 1
              },
            })}
          />
        ))}
      </div>
      <Matrix
        view={g.inHead("attn.context")}
        symbol="C"
        label={labels().context}
        rows={tokens(g.grid)}
        cols={dimensions()}
        tap="attn.context"
      />
    </>
  )
}

/** A small picture that is darkened by the weights of one token. */
export function Glance({
  g,
  token,
  weights,
  most,
  name,
  stop,
  onChoose,
}: {
  readonly g: FigureData
  readonly token: number
  readonly weights: Float64Array
  /** The weight of a patch without a veil; by default the largest of these. */
  readonly most?: number | undefined
  readonly name?: string
  /** How the keyboard comes to it. */
  readonly stop: Roving
  readonly onChoose?: () => void
}): JSX.Element {
  const largest = most ?? weights.reduce((a, b) => Math.max(a, b), 1e-9)
  const text = `${labels().attendedBy} ${name ?? tokenName(token, g.grid)}`
  return (
    <button
      type="button"
      class={`glance ${token === markedToken.value && onChoose === undefined ? "marked" : ""}`}
      style={{ "--grid": g.grid }}
      aria-label={text}
      title={text}
      {...stop}
      onPointerEnter={() => {
        if (onChoose === undefined) hoveredToken.value = token
      }}
      onPointerLeave={() => {
        hoveredToken.value = null
      }}
      onClick={() => {
        if (onChoose === undefined) chosenToken.value = token
        else onChoose()
      }}
    >
      <Picture pixels={g.trace.pixels} width={g.side} height={g.side} />
      {Array.from(weights, (weight, i) => (
        <span key={i} class={`patch ${i + 1 === token ? "self" : ""}`} style={{ "--veil": 1 - weight / largest }} />
      ))}
    </button>
  )
}

export function HeadsFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const t = labels()
  const weights = g.inBlock("attn.weights")
  const { token } = g
  const rows = Array.from({ length: g.model.config.heads }, (_, head) => rowOf(view(weights, head), token))
  const most = scaleOf(rows.map((row) => row.subarray(1)))
  return (
    <>
      <HeadPicker g={g} heads={false} />
      <ScaleChoice />
      <div class="triple">
        {Array.from({ length: g.model.config.heads }, (_, head) => {
          const headWeights = view(weights, head)
          return (
            <div class="stack" key={head}>
              <Patches
                pixels={g.trace.pixels}
                side={g.side}
                grid={g.grid}
                label={`${strings.value.figure.head(head + 1)}, ${t.attendedBy} ${tokenName(token, g.grid)}`}
                weights={rowOf(headWeights, token).subarray(1)}
                weightName={t.weight}
                most={most}
              />
              <small>
                {t.onClassToken}: {percent(elementAt(elementAt(rows, head), 0))}
              </small>
              <Matrix
                view={headWeights}
                symbol={`A${"₁₂₃₄₅₆"[head] ?? ""}`}
                label={strings.value.figure.head(head + 1)}
                rows={queries(g.grid)}
                cols={keys(g.grid)}
                scale="share"
              />
            </div>
          )
        })}
      </div>
    </>
  )
}

export function drawProject(g: FigureData): JSX.Element {
  const t = labels()
  const { dim, heads } = g.model.config
  const width = dim / heads
  const context = concatenateHeads(g.inBlock("attn.context"))
  return (
    <>
      <HeadPicker g={g} heads={false} />
      <Matrix
        view={context}
        symbol="[C₁, C₂, C₃]"
        label={t.sideBySide}
        rows={tokens(g.grid)}
        cols={{
          name: strings.value.figure.dimensions,
          describe: (i) =>
            `${strings.value.figure.head(Math.floor(i / width) + 1)}, ${strings.value.figure.dimension((i % width) + 1)}`,
        }}
        tap="side-by-side"
      />
      <Matrix
        view={transposed(view(g.parameter(`blocks.${g.block}.attn.proj.weight`)))}
        symbol="W_O"
        label={t.learned}
        rows={dimensions()}
        cols={dimensions()}
      />
      <Matrix
        view={view(g.inBlock("attn.proj"))}
        symbol="MSA"
        label={t.projected}
        rows={tokens(g.grid)}
        cols={dimensions()}
        tap="attn.proj"
      />
    </>
  )
}
