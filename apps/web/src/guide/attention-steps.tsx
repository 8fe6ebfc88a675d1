import type { JSX } from "preact"
import { useId } from "preact/hooks"
import { elementAt } from "../checked.ts"
import { format } from "../figures/format.ts"
import { chosenBlock, chosenHead, chosenToken, hoveredToken, markedToken } from "../figures/link.ts"
import { Matrix } from "../figures/matrix.tsx"
import { Patches } from "../figures/patches.tsx"
import { Picture } from "../figures/picture.tsx"
import { type Roving, roving } from "../figures/roving.ts"
import { concatenateHeads, dot, matrix, rowOf, valueAt, view } from "../figures/view.ts"
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

export function drawScores(g: FigureData): JSX.Element {
  const t = labels()
  const [q, k, scores] = [g.inHead("attn.q"), g.inHead("attn.k"), g.inHead("attn.scores")]
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
        explain={({ row, col }) =>
          `= ${format(dot(rowOf(q, row), rowOf(k, col)), 4)} / ${format(Math.sqrt(q.cols), 4)}`
        }
      />
    </>
  )
}

export function drawSoftmax(g: FigureData): JSX.Element {
  const t = labels()
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
    </>
  )
}

export function drawRow(g: FigureData): JSX.Element {
  const t = labels()
  const { token } = g
  const weights = rowOf(g.inHead("attn.weights"), token)
  const values = g.inHead("attn.v")
  const context = g.inHead("attn.context")
  const weighted = Float32Array.from({ length: values.rows * values.cols }, (_, i) => {
    return elementAt(weights, Math.floor(i / values.cols)) * elementAt(values.data, i)
  })
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
    </>
  )
}

export function drawRows(g: FigureData): JSX.Element {
  const weights = g.inHead("attn.weights")
  return (
    <>
      <HeadPicker g={g} />
      <div class="attention-grid" style={{ "--grid": g.grid }} data-roving>
        {Array.from({ length: g.grid ** 2 }, (_, i) => (
          <Glance
            key={i}
            g={g}
            token={i + 1}
            weights={rowOf(weights, i + 1).subarray(1)}
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

export function drawHeads(g: FigureData): JSX.Element {
  const t = labels()
  const weights = g.inBlock("attn.weights")
  const { token } = g
  return (
    <>
      <HeadPicker g={g} heads={false} />
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
              />
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
