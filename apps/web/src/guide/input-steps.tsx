import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { elementAt } from "../checked.ts"
import { heatPixels } from "../figures/colors.ts"
import { format } from "../figures/format.ts"
import { chosenToken, hoveredToken, markedToken } from "../figures/link.ts"
import { Matrix } from "../figures/matrix.tsx"
import { Patches } from "../figures/patches.tsx"
import { Picture } from "../figures/picture.tsx"
import { roving } from "../figures/roving.ts"
import { theme } from "../figures/theme.ts"
import { dot, matrix, rowOf, similarity, type View, valueAt, view } from "../figures/view.ts"
import { strings } from "../strings/index.ts"
import { dimensions, lines, constantAxis, patchPixels, tokenName, tokens } from "./axes.ts"
import { Picker } from "./picker.tsx"
import { type FigureData, picked } from "./state.ts"

const labels = (): (typeof strings.value)["guide"]["labels"] => strings.value.guide.labels

export const drawData = (): JSX.Element => <Picker />

export function drawImage({ trace, side }: FigureData): JSX.Element {
  const { channel } = strings.value.figure
  const planes = (["red", "green", "blue"] as const).map((scale, c) => ({
    scale,
    values: Float32Array.from({ length: side * side }, (_, i) => elementAt(trace.pixels, 3 * i + c)),
  }))
  return (
    <div class="image-figure">
      <figure class="whole">
        <Picture
          pixels={trace.pixels}
          width={side}
          height={side}
          label={picked.value === null ? labels().yourImage : labels().image}
        />
      </figure>
      <div class="planes">
        {planes.map(({ scale, values }, c) => (
          <Matrix
            key={scale}
            view={matrix(values, side, side)}
            label={channel[c] ?? scale}
            rows={lines("row")}
            cols={lines("column")}
            scale={scale}
            cell={12}
          />
        ))}
      </div>
    </div>
  )
}

/** The name of a class in the reader's language. */
export const className = (index: number): string => strings.value.guide.classes[index] ?? String(index)

export function LabelFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const open = useSignal(false)
  const t = labels()
  const truth = g.trace.label
  const oneHot = Float32Array.from(g.model.labels, (_, i) => (i === truth ? 1 : 0))
  return (
    <div class={`label-figure ${open.value ? "open" : ""}`}>
      <div class="envelope">
        <Picture pixels={g.trace.pixels} width={g.side} height={g.side} />
        <span class="slip">{truth === null ? t.unknown : open.value ? className(truth) : "?"}</span>
        <button
          type="button"
          onClick={() => {
            open.value = !open.value
          }}
        >
          {open.value ? t.hideLabel : t.showLabel}
        </button>
      </div>
      {truth === null || !open.value ? null : (
        <Matrix
          view={matrix(oneHot, 1, oneHot.length)}
          symbol="y"
          label={t.oneHot}
          rows={constantAxis("y")}
          cols={{ name: t.isA, describe: className }}
          scale="share"
          cell={44}
          height={34}
        />
      )}
    </div>
  )
}

export function drawPatches({ trace, side, grid }: FigureData): JSX.Element {
  return <Patches pixels={trace.pixels} side={side} grid={grid} label={labels().image} apart isChooser />
}

/** The index of the marked patch. It is 0 if the class token is marked. */
const patchOf = (token: number): number => Math.max(0, token - 1)

export function drawFlatten({ trace, side, grid, tap, model, token }: FigureData): JSX.Element {
  const flat = view(tap("patch_embed.flattened"))
  const p = model.config.patchSize[0]
  const { channel } = strings.value.figure
  const index = patchOf(token)
  const axis = patchPixels(p, channel)
  return (
    <>
      <div class="pair">
        <Patches pixels={trace.pixels} side={side} grid={grid} label={labels().image} />
        <figure class="one-patch">
          <Picture pixels={cutPatch(trace.pixels, side, p, index)} width={p} height={p} />
          <figcaption>{strings.value.figure.patch(index + 1, grid)}</figcaption>
        </figure>
      </div>
      <Matrix
        view={matrix(rowOf(flat, index), 1, flat.cols)}
        symbol="xₚⁱ"
        label={labels().flattened}
        rows={constantAxis("")}
        cols={axis}
        height={30}
        domain={[-1, 1]}
      />
      <Matrix
        view={flat}
        symbol="xₚ"
        label={labels().allFlattened}
        rows={tokens(grid, 1)}
        cols={axis}
        domain={[-1, 1]}
        tap="patch_embed.flattened"
      />
    </>
  )
}

/** The pixels of one patch. */
function cutPatch(pixels: Uint8Array, side: number, p: number, index: number): Uint8Array {
  const grid = side / p
  const [top, left] = [Math.floor(index / grid) * p, (index % grid) * p]
  const out = new Uint8Array(p * p * 3)
  for (let y = 0; y < p; y++) {
    const from = ((top + y) * side + left) * 3
    out.set(pixels.subarray(from, from + p * 3), y * p * 3)
  }
  return out
}

export function EmbedFigure({ g }: { readonly g: FigureData }): JSX.Element {
  const filterIndex = useSignal(0)
  const t = labels()
  const { tap, model, parameter, grid } = g
  const { dim, patchSize } = model.config
  const p = patchSize[0]
  const flat = view(tap("patch_embed.flattened"))
  const embedded = view(tap("patch_embed.embeddings"))
  const kernel = parameter("patch_embed.proj.weight").data
  const bias = parameter("patch_embed.proj.bias").data
  const index = patchOf(g.token)
  const axis = patchPixels(p, strings.value.figure.channel)
  const filter = flattenFilter(kernel, filterIndex.value, p)
  const x = rowOf(flat, index)
  const sum = dot(x, filter)
  return (
    <>
      <div class="filters" role="radiogroup" aria-label={t.filters} data-roving>
        {Array.from({ length: dim }, (_, k) => (
          <button
            key={k}
            type="button"
            role="radio"
            aria-checked={k === filterIndex.value}
            aria-label={`${t.filter} ${k + 1}`}
            {...roving(k, {
              chosen: filterIndex.value,
              count: dim,
              columns: 12,
              choose: (next) => {
                filterIndex.value = next
              },
            })}
            onClick={() => {
              filterIndex.value = k
            }}
          >
            <Picture pixels={filterPixels(kernel, k, p)} width={p} height={p} />
          </button>
        ))}
      </div>
      <Matrix
        view={matrix(x, 1, x.length)}
        symbol="xₚⁱ"
        label={t.chosenPatch}
        rows={constantAxis("")}
        cols={axis}
        height={22}
        domain={[-1, 1]}
      />
      <Matrix
        view={matrix(filter, 1, filter.length)}
        symbol="E"
        label={`${t.filter} ${filterIndex.value + 1}`}
        rows={constantAxis("")}
        cols={axis}
        height={22}
      />
      <p class="sum">
        Σ x · E = <b>{format(sum, 4)}</b> + {t.bias} <b>{format(elementAt(bias, filterIndex.value), 4)}</b> ={" "}
        <b>{format(valueAt(embedded, index, filterIndex.value), 4)}</b>
      </p>
      <Matrix
        view={matrix(rowOf(embedded, index), 1, dim)}
        symbol="eᵢ"
        label={`${t.embedding}: ${tokenName(index + 1, grid)}`}
        rows={constantAxis("")}
        cols={dimensions()}
        height={30}
        onCell={(cell) => {
          if (cell !== null) filterIndex.value = cell.col
        }}
      />
    </>
  )
}

/** Column `k` of E, in the order of a flattened patch. The kernel is `[dim, channels, p, p]`. */
function flattenFilter(kernel: Float32Array, k: number, p: number): Float32Array {
  const area = p * p
  return Float32Array.from({ length: 3 * area }, (_, i) =>
    elementAt(kernel, (k * 3 + (i % 3)) * area + Math.floor(i / 3)),
  )
}

/** A filter as colours. Grey is 0. */
function filterPixels(kernel: Float32Array, k: number, p: number): Uint8Array {
  const filter = flattenFilter(kernel, k, p)
  const largest = filter.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-9)
  return Uint8Array.from(filter, (value) => Math.round(127.5 + (127.5 * value) / largest))
}

export function drawEmbedAll({ tap, grid }: FigureData): JSX.Element {
  return (
    <Matrix
      view={view(tap("patch_embed.embeddings"))}
      symbol="xₚE"
      label={labels().embeddings}
      rows={tokens(grid, 1)}
      cols={dimensions()}
      tap="patch_embed.embeddings"
    />
  )
}

export function drawClassToken({ tap, grid }: FigureData): JSX.Element {
  const token = view(tap("class_token"))
  const embedded = view(tap("patch_embed.embeddings"))
  const all = new Float32Array((embedded.rows + 1) * embedded.cols)
  all.set(token.data)
  all.set(embedded.data, embedded.cols)
  return (
    <Matrix
      view={matrix(all, embedded.rows + 1, embedded.cols)}
      label={labels().tokensBefore}
      rows={tokens(grid)}
      cols={dimensions()}
    />
  )
}

export function drawPositions({ tap, grid }: FigureData): JSX.Element {
  const positions = view(tap("positions"))
  return (
    <>
      <Matrix
        view={positions}
        symbol="E_pos"
        label={labels().positions}
        rows={tokens(grid)}
        cols={dimensions()}
        tap="positions"
      />
      <SimilarityMaps positions={positions} grid={grid} />
    </>
  )
}

/** The similarity of each position embedding to all others. */
export function SimilarityMaps({ positions, grid }: { readonly positions: View; readonly grid: number }): JSX.Element {
  const { figure } = strings.value
  const token = Math.max(1, markedToken.value)
  const maps = Array.from({ length: grid * grid }, (_, i) => similarity(positions, i + 1, 1))
  return (
    <div class="similarity">
      <div class="maps" style={{ "--grid": grid }} role="group" aria-label={labels().similarity} data-roving>
        {maps.map((map, i) => (
          <button
            key={i}
            type="button"
            class={i + 1 === markedToken.value ? "map marked" : "map"}
            aria-label={`${labels().similarityTo} ${figure.patch(i + 1, grid)}`}
            aria-pressed={i + 1 === chosenToken.value}
            {...roving(i, {
              chosen: Math.max(0, chosenToken.value - 1),
              count: maps.length,
              columns: grid,
              choose: (next) => {
                chosenToken.value = next + 1
              },
            })}
            onPointerEnter={() => {
              hoveredToken.value = i + 1
            }}
            onPointerLeave={() => {
              hoveredToken.value = null
            }}
            onClick={() => {
              chosenToken.value = i + 1
            }}
          >
            <Picture pixels={heatPixels(map, "signed", [-1, 1], theme.value)} width={grid} height={grid} />
          </button>
        ))}
      </div>
      <Matrix
        view={matrix(elementAt(maps, token - 1), grid, grid)}
        label={`${labels().similarityTo} ${figure.patch(token, grid)}`}
        rows={lines("row")}
        cols={lines("column")}
        cell={44}
        domain={[-1, 1]}
      />
    </div>
  )
}

export function drawInput({ tap, grid }: FigureData): JSX.Element {
  const input = view(tap("tokens"))
  const positions = view(tap("positions"))
  return (
    <Matrix
      view={input}
      symbol="z₀"
      label={labels().inputTokens}
      rows={tokens(grid)}
      cols={dimensions()}
      tap="tokens"
      explain={({ row, col }) => {
        const position = valueAt(positions, row, col)
        return `= ${format(valueAt(input, row, col) - position, 4)} + ${format(position, 4)}`
      }}
    />
  )
}
