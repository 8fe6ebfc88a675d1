import "../style/detect.css"
import type { JSX } from "preact"
import { useEffect } from "preact/hooks"
import { Bars } from "../figures/bars.tsx"
import { type Box, Boxes } from "../figures/boxes.tsx"
import { DropZone } from "../figures/drop-zone.tsx"
import { dropped } from "../figures/files.ts"
import { count, percent } from "../figures/format.ts"
import { Overlay } from "../figures/overlay.tsx"
import { Saved } from "../figures/saved.tsx"
import { pictureTypes, Shots } from "../figures/shots.tsx"
import { SmallMap } from "../figures/small-map.tsx"
import { strings } from "../strings/index.ts"
import * as state from "./state.ts"

export function Detect(): JSX.Element {
  const t = strings.value.detect
  useEffect(() => {
    if (state.about.peek() === null) void state.start(location.search)
  }, [])
  return (
    <main
      id="content"
      class="room detect"
      tabIndex={-1}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault()
        void dropped(event.dataTransfer).then(state.addFiles)
      }}
    >
      <header class="opening">
        <h1>{t.title}</h1>
        <p class="lead">{t.lead}</p>
      </header>
      {state.fault.value === null ? null : (
        <p class="status failed" role="alert">
          {strings.value.status.failed(state.fault.value)}
        </p>
      )}
      <p class="status" role="status" data-busy={state.busy.value > 0 || state.sight.value === null}>
        {state.about.value === null && state.fault.value === null
          ? strings.value.status.starting
          : state.busy.value > 0
            ? strings.value.status.computing
            : ""}
      </p>
      <div class="stages" aria-busy={state.busy.value > 0 && state.sight.value !== null}>
        <Found />
        <Asked />
      </div>
      <Ideas />
      <Model />
    </main>
  )
}

/** The name of a class, or of no object. */
function nameOf(label: number): string {
  const t = strings.value.detect
  const name = state.about.value?.labels[label]
  if (name === undefined) return t.noObject
  return state.source.value.kind === "own" ? (t.shapes[name] ?? name) : name
}

const tones = 6
const toneOf = (label: number): string => `tone${label % tones}`

/** What a query says: a class, or no object where that is likelier. */
function answerOf({ label, score, nothing }: state.Finding): { name: string; share: number; tone: string } {
  return nothing > score
    ? { name: strings.value.detect.noObject, share: nothing, tone: "none" }
    : { name: nameOf(label), share: score, tone: toneOf(label) }
}

function Found(): JSX.Element {
  const t = strings.value.detect
  return (
    <Saved id="found" title={t.found} head={<Choice />} foot={<Answers />}>
      <Picture />
    </Saved>
  )
}

function Choice(): JSX.Element {
  const t = strings.value.detect
  const shots = state.shots.value
  const isForeign = state.current.value > 0 && state.source.value.kind === "own"
  return (
    <>
      <DropZone
        buttons={[{ text: strings.value.inspect.choosePictures, accept: pictureTypes }]}
        onFiles={(entries) => void state.addPictures(entries)}
      >
        {shots.length < 2 ? null : (
          <Shots shots={shots} current={state.current.value} onShow={(i) => void state.show(i)} />
        )}
        <button type="button" class="primary" onClick={() => void state.anotherScene()}>
          {t.another}
        </button>
        <small>{t.dropPictures}</small>
      </DropZone>
      {isForeign ? <p class="hint">{t.small}</p> : null}
    </>
  )
}

/** The picture with the boxes of what was found. */
function Picture(): JSX.Element {
  const t = strings.value.detect
  const seen = state.sight.value
  const shot = state.shots.value[state.current.value]
  if (seen === null) return <Preview />
  const { threshold, marked, findings, withIdle, withTruth } = state
  const boxes = findings.value.flatMap(({ query, label, score, box }): Box[] => {
    const isMarked = query === marked.value
    if (score <= threshold.value)
      return withIdle.value || isMarked
        ? [{ key: query, corners: box, tone: "none", weight: isMarked ? "strong" : "idle" }]
        : []
    const weight = isMarked ? "strong" : marked.value === null ? "plain" : "faint"
    const name = `${nameOf(label)} ${Math.round(100 * score)}`
    return [{ key: query, corners: box, tone: toneOf(label), weight, ...(weight !== "faint" && { label: name }) }]
  })
  const truth = shot?.truth
  if (withTruth.value && truth)
    for (let i = 0; i < truth.labels.length; i++)
      boxes.push({ key: `true ${i}`, corners: corners(truth.boxes, i), tone: "true", weight: "dashed" })
  const label = state.current.value === 0 ? t.scene(state.scene.value) : (shot?.name ?? "")
  return (
    <Stage label={`${label}: ${t.objects(kept().length)}`} seen={seen}>
      <Boxes
        boxes={boxes}
        aspect={seen.width / seen.height}
        onPoint={(key) => {
          state.pointed.value = typeof key === "number" ? key : null
        }}
        onChoose={(key) => {
          state.chosen.value = typeof key === "number" ? key : null
        }}
      />
    </Stage>
  )
}

const corners = (boxes: Float64Array, at: number): Box["corners"] => {
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = boxes.subarray(4 * at, 4 * at + 4)
  return [x0, y0, x1, y1]
}

/** The scene, while there is no detector yet. */
function Preview(): JSX.Element {
  const picture = state.shots.value[0]?.picture
  if (!(picture instanceof ImageData)) return <div class="waiting stage" />
  const { width, height, data } = picture
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)] ?? 0)
  return <Stage label={strings.value.detect.scene(state.scene.value)} seen={{ pixels, width, height, grid: [1, 1] }} />
}

function Stage(props: {
  readonly label: string
  readonly seen: {
    readonly pixels: Uint8Array
    readonly width: number
    readonly height: number
    readonly grid: readonly [number, number]
  }
  readonly weights?: Float32Array
  readonly children?: JSX.Element
}): JSX.Element {
  const { label, seen, weights, children } = props
  const { pixels, width, height, grid } = seen
  return (
    <div class={width < 200 ? "stage small" : "stage"} style={{ "--aspect": width / height }}>
      <Overlay pixels={pixels} width={width} height={height} grid={grid} {...(weights && { weights })} label={label} />
      {children}
    </div>
  )
}

const kept = (): readonly state.Finding[] => state.findings.value.filter(({ score }) => score > state.threshold.value)

/** What is shown, and all of it as a table. */
function Answers(): JSX.Element {
  const t = strings.value.detect
  const { threshold, withTruth, withIdle } = state
  const shown = kept()
  const rest = withIdle.value ? state.findings.value.slice(shown.length) : []
  const isScene = state.current.value === 0
  return (
    <>
      <div class="knobs">
        <label class="slider">
          {t.threshold}
          <input
            type="range"
            min={0.05}
            max={0.95}
            step={0.01}
            value={threshold.value}
            aria-valuetext={percent(threshold.value)}
            onInput={(event) => {
              threshold.value = Number(event.currentTarget.value)
            }}
          />
          <output>{Math.round(100 * threshold.value)} %</output>
        </label>
        {isScene ? <Toggle text={t.truth} value={withTruth} /> : null}
        <Toggle text={t.idle} value={withIdle} />
      </div>
      <p class="hint" role="status" data-count={shown.length}>
        {state.sight.value === null
          ? ""
          : shown.length === 0
            ? t.nothing(`${Math.round(100 * threshold.value)} %`)
            : t.objects(shown.length)}
      </p>
      {shown.length + rest.length === 0 ? null : (
        <table
          class="findings"
          aria-label={t.found}
          onPointerLeave={() => {
            state.pointed.value = null
          }}
          onKeyDown={(event) => {
            if (event.key === "Escape") state.chosen.value = state.pointed.value = null
          }}
        >
          <thead>
            <tr>
              <th scope="col">{t.objectClass}</th>
              <th scope="col">{t.score}</th>
              <th scope="col" title={t.boxHint}>
                {t.box}
              </th>
              <th scope="col">{t.query}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((each) => (
              <Row key={each.query} finding={each} />
            ))}
            {rest.map((each) => (
              <Row key={each.query} finding={each} isIdle />
            ))}
          </tbody>
        </table>
      )}
    </>
  )
}

function Toggle(props: { readonly text: string; readonly value: typeof state.withTruth }): JSX.Element {
  const { text, value } = props
  return (
    <label class="choice">
      <input
        type="checkbox"
        checked={value.value}
        onChange={(event) => {
          value.value = event.currentTarget.checked
        }}
      />
      {text}
    </label>
  )
}

function Row({ finding, isIdle = false }: { readonly finding: state.Finding; readonly isIdle?: boolean }): JSX.Element {
  const { query, label, score, box } = finding
  const { name, share } = isIdle ? answerOf(finding) : { name: nameOf(label), share: score }
  const [height, width] = state.sight.value?.size ?? [1, 1]
  const pixels = box.map((share, i) => Math.round(share * (i % 2 === 0 ? width : height)))
  const point = (): void => {
    state.pointed.value = query
  }
  return (
    <tr
      class={`${isIdle ? "idle" : ""} ${state.marked.value === query ? "marked" : ""}`}
      data-query={query}
      onPointerEnter={point}
      onClick={() => {
        state.chosen.value = query
      }}
    >
      <th scope="row">
        <label>
          <input
            type="radio"
            name="query"
            checked={state.chosen.value === query}
            onFocus={point}
            onBlur={() => {
              state.pointed.value = null
            }}
            onChange={() => {
              state.chosen.value = query
            }}
          />
          <i class={`swatch ${isIdle ? "none" : toneOf(label)}`} />
          {name}
        </label>
      </th>
      <td class="score">
        <span class="track" aria-hidden="true">
          <span class="bar" style={{ "--share": share }} />
        </span>
        {percent(share)}
      </td>
      <td class="digits">{pixels.map((edge) => String(edge).replace("-", "−")).join(", ")}</td>
      <td class="digits">{query + 1}</td>
    </tr>
  )
}

/** One query: where it looks, and how its answer comes about. */
function Asked(): JSX.Element {
  const t = strings.value.detect
  const { sight, looks, about } = state
  const query = looks.value?.query ?? state.asked.value ?? 0
  const layers = about.value?.layers ?? 1
  const at = Math.min(state.layer.value, layers - 1)
  const look = looks.value?.layers[at]
  return (
    <Saved
      id="asked"
      title={t.looks(query + 1)}
      head={<p class="hint">{t.looksHint}</p>}
      foot={
        look === undefined ? null : (
          <>
            {layers === 1 ? null : (
              <div class="knobs">
                <label class="slider">
                  {t.layers}
                  <input
                    type="range"
                    min={1}
                    max={layers}
                    value={at + 1}
                    aria-valuetext={t.layer(at + 1, layers)}
                    onInput={(event) => {
                      state.layer.value = Number(event.currentTarget.value) - 1
                    }}
                  />
                  <output>{t.layer(at + 1, layers)}</output>
                </label>
              </div>
            )}
            <Heads look={look} />
            <Classes look={look} />
          </>
        )
      }
    >
      {sight.value === null || look === undefined ? (
        <div class="waiting stage" />
      ) : (
        <Looks look={look} at={at} query={query} />
      )}
    </Saved>
  )
}

type LookAt = NonNullable<typeof state.looks.value>["layers"][number]

/** Where the query looks in a layer, with its box there and in the other layers. */
function Looks({
  look,
  at,
  query,
}: {
  readonly look: LookAt
  readonly at: number
  readonly query: number
}): JSX.Element {
  const t = strings.value.detect
  const seen = state.sight.value as NonNullable<typeof state.sight.value>
  const head = state.head.value
  const boxes = seen.layers.map((layer, i): Box => {
    const finding = state.findingOf(layer, query)
    const { name, share, tone } = answerOf(finding)
    const box = { key: i, corners: finding.box, tone }
    return i === at
      ? { ...box, weight: "strong", label: `${name} ${Math.round(100 * share)}` }
      : { ...box, weight: "dashed" }
  })
  const weights = head === "mean" ? look.mean : (look.heads[head] ?? look.mean)
  const name = `${t.looks(query + 1)}. ${t.layer(at + 1, seen.layers.length)}`
  return (
    <Stage label={name} seen={seen} weights={weights}>
      <Boxes boxes={boxes} aspect={seen.width / seen.height} />
    </Stage>
  )
}

function Heads({ look }: { readonly look: LookAt }): JSX.Element | null {
  const t = strings.value.detect
  const seen = state.sight.value
  if (seen === null || look.heads.length < 2) return null
  const maps = [{ of: "mean" as const, weights: look.mean }, ...look.heads.map((weights, of) => ({ of, weights }))]
  const aspect = seen.width / seen.height
  return (
    <div class="query-heads" role="group" aria-label={t.heads} style={{ "--aspect": aspect }}>
      {maps.map(({ of, weights }) => (
        <button
          key={of}
          type="button"
          class={of === state.head.value ? "small-map chosen" : "small-map"}
          aria-label={of === "mean" ? t.mean : strings.value.figure.head(of + 1)}
          title={of === "mean" ? t.mean : strings.value.figure.head(of + 1)}
          aria-pressed={of === state.head.value}
          onClick={() => {
            state.head.value = of
          }}
        >
          <SmallMap weights={weights} grid={seen.grid} />
        </button>
      ))}
    </div>
  )
}

function Classes({ look }: { readonly look: LookAt }): JSX.Element {
  const t = strings.value.detect
  // A few classes keep their places, so that one sees them move from layer to layer.
  const few = (state.about.value?.labels.length ?? 0) < 5
  const classes = few ? look.classes.toSorted((a, b) => a.index - b.index) : look.classes
  const best = classes.findIndex(({ index }) => index === look.classes[0]?.index)
  return (
    <Bars
      labels={classes.map(({ index }) => nameOf(index))}
      values={classes.map(({ probability }) => probability)}
      show={percent}
      most={1}
      best={best}
      label={t.classes}
      tap="classes"
    />
  )
}

function Ideas(): JSX.Element {
  const t = strings.value.detect
  const queries = state.about.value?.queries ?? 16
  return (
    <section class="ideas" aria-label={t.paper}>
      {t.ideas.map(({ title, text }) => (
        <div key={title}>
          <h2>{title}</h2>
          <p>{text(queries)}</p>
        </div>
      ))}
      <small>{t.paper}</small>
    </section>
  )
}

/** The detector, and how to bring another. */
function Model(): JSX.Element {
  const t = strings.value.detect
  const { inspect } = strings.value
  const about = state.about.value
  const isOwn = state.source.value.kind === "own"
  return (
    <section class="model-choice" id="detector" aria-label={t.model}>
      <h2>{t.model}</h2>
      {about === null ? null : (
        <p class="hint" data-model={isOwn ? "own" : about.name}>
          <b>{isOwn ? t.own : about.name}</b>
          {": "}
          {t.about({
            parameters: count(about.parameters),
            layers: about.layers,
            encoder: about.encoderDepth,
            heads: about.heads,
            queries: about.queries,
            classes: about.labels.length,
          })}
          {about.notes.map((note) => (
            <small key={note}> {note}</small>
          ))}
        </p>
      )}
      <DropZone
        buttons={[
          { text: inspect.chooseFolder, folder: true },
          { text: inspect.chooseFile, accept: ".safetensors,.json,.zip" },
        ]}
        onFiles={(entries) => void state.openDetector({ kind: "files", entries })}
      >
        <p class="hint">{t.dropModel}</p>
      </DropZone>
      {state.busy.value === 0 ? null : <p class="status">{strings.value.status.computing}</p>}
      {isOwn ? null : (
        <div class="actions">
          <button type="button" onClick={() => void state.openDetector({ kind: "own" })}>
            {t.own}
          </button>
        </div>
      )}
    </section>
  )
}
