import { type ReadonlySignal, useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { useEffect, useRef } from "preact/hooks"
import { elementAt } from "../checked.ts"
import { chosenBackend, switchBackend } from "../engine/client.ts"
import { Alert } from "../figures/alert.tsx"
import { markedToken } from "../figures/link.ts"
import { Patches } from "../figures/patches.tsx"
import { strings } from "../strings/index.ts"
import type { PartId, StepId } from "../strings/guide-texts.ts"
import { linkTo } from "./address.ts"
import { aimAt, followAddress } from "./aim.ts"
import * as attention from "./attention-steps.tsx"
import { tokenName } from "./axes.ts"
import * as block from "./block-steps.tsx"
import * as further from "./further-steps.tsx"
import { End } from "./end.tsx"
import { HybridFigure } from "./hybrid-step.tsx"
import * as input from "./input-steps.tsx"
import * as output from "./output-steps.tsx"
import { Overview, Place } from "./overview.tsx"
import {
  chosenDrawing,
  type FigureData,
  figureData,
  isComplete,
  isModelNeeded,
  model,
  start,
  status,
  trace,
} from "./state.ts"
import { Step, type StepProps } from "./step.tsx"
import { Tour, TourButton } from "./tour.tsx"

type Draw = StepProps["draw"]

const parts: readonly (readonly [PartId, readonly (readonly [StepId, Draw])[]])[] = [
  [
    "input",
    [
      ["data", input.drawData],
      ["image", input.drawImage],
      ["label", (g) => <input.LabelFigure g={g} />],
      ["patches", input.drawPatches],
      ["flatten", input.drawFlatten],
      ["embed", (g) => <input.EmbedFigure g={g} />],
      ["embedAll", input.drawEmbedAll],
      ["classToken", input.drawClassToken],
      ["positions", input.drawPositions],
      ["input", input.drawInput],
    ],
  ],
  [
    "attention",
    [
      ["qkv", attention.drawQkv],
      ["scores", (g) => <attention.ScoresFigure g={g} />],
      ["softmax", (g) => <attention.SoftmaxFigure g={g} />],
      ["row", (g) => <attention.RowFigure g={g} />],
      ["rows", (g) => <attention.RowsFigure g={g} />],
      ["heads", (g) => <attention.HeadsFigure g={g} />],
      ["project", attention.drawProject],
    ],
  ],
  [
    "block",
    [
      ["residual", block.drawResidual],
      ["norm", block.drawNorm],
      ["mlp", (g) => <block.MlpFigure g={g} />],
      ["residual2", block.drawResidual2],
      ["repeat", (g) => <block.RepeatFigure g={g} />],
    ],
  ],
  [
    "output",
    [
      ["readout", output.drawReadout],
      ["predict", output.drawPredict],
      ["loss", (g) => <output.LossFigure g={g} />],
    ],
  ],
  [
    "further",
    [
      ["scale", (g) => <further.ScaleFigure g={g} />],
      ["normOrder", (g) => <further.NormOrderFigure g={g} />],
      ["convolution", (g) => <further.ConvolutionFigure g={g} />],
      ["resolution", (g) => <further.ResolutionFigure g={g} />],
      ["family", () => <further.FamilyFigure />],
      ["hybrid", (g) => <HybridFigure g={g} />],
      ["pretraining", () => <further.PretrainingFigure />],
      ["compute", () => <further.ComputeFigure />],
    ],
  ],
]

const signsOfLife = ["scroll", "pointermove", "pointerdown", "keydown"] as const

const stepIds = parts.flatMap(([, steps]) => steps.map(([id]) => id))

export function Guide(): JSX.Element {
  const { guide } = strings.value
  const at = useSignal<StepId>("data")
  // The overview comes first, then the parts, each in a task of its own.
  const drawn = useSignal(0)
  const isWhole = drawn.value >= sections.length
  const isBegun = trace.value !== null || status.value.kind === "failed"
  useEffect(() => {
    if (!isBegun || isWhole) return undefined
    const timer = setTimeout(() => drawn.value++)
    return () => clearTimeout(timer)
  }, [drawn.value, isBegun])
  useEffect(() => {
    if (trace.peek() === null) void start()
    // Whoever moves is about to come to figures that need the model.
    const need = (): void => {
      isModelNeeded.value = true
    }
    for (const event of signsOfLife) addEventListener(event, need, { once: true, passive: true })
    return () => {
      for (const event of signsOfLife) removeEventListener(event, need)
    }
  }, [])
  useEffect(() => {
    if (!isWhole) return undefined
    const watcher = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries)
          if (isIntersecting) at.value = stepIds.find((id) => id === target.id) ?? at.value
      },
      { rootMargin: "-45% 0px -50% 0px" },
    )
    for (const section of document.querySelectorAll("section.step")) watcher.observe(section)
    const unfollow = followAddress()
    return () => {
      watcher.disconnect()
      unfollow()
    }
  }, [isWhole])
  return (
    <div class="guide">
      <Rail at={at} />
      <main id="content" tabIndex={-1}>
        <header class="opening">
          <h1>{guide.title}</h1>
          <p class="lead">{guide.lead}</p>
        </header>
        <Overview at={at} />
        <div class="before">
          <StatusLine />
          <p class="why">{guide.tour.why}</p>
          <p class="time">
            <TourButton /> <span>{guide.tour.time}</span>
          </p>
        </div>
        {sections.slice(0, drawn.value)}
        {isWhole ? <End /> : null}
      </main>
      <Tour />
    </div>
  )
}

/** A part with its steps. `first` is the number of the first step. */
function Part(props: {
  readonly part: PartId
  readonly steps: readonly (readonly [StepId, Draw])[]
  readonly first: number
}): JSX.Element {
  const { part, steps, first } = props
  const title = strings.value.guide.parts[part]
  return (
    <section class="part" aria-label={title}>
      <h2>{title}</h2>
      {steps.map(([id, draw], i) => (
        <Step key={id} id={id} number={first + i} draw={draw} />
      ))}
    </section>
  )
}

/** The same elements in each rendering, which Preact then passes over. */
const sections = parts.map(([part, steps]) => (
  <Part key={part} part={part} steps={steps} first={stepIds.indexOf(elementAt(steps, 0)[0]) + 1} />
))

function StatusLine(): JSX.Element {
  const texts = strings.value.status
  const now = status.value
  if (now.kind === "failed" && !isComplete.value) {
    // A missing GPU matters only if the reader asked for one.
    const noGpu = chosenBackend.value === "webgpu"
    return (
      <Alert>
        {noGpu ? texts.noGpu(now.why) : texts.noEngine(now.why)}{" "}
        <button type="button" onClick={() => (noGpu ? switchBackend("onnx-web") : void start())}>
          {noGpu ? texts.useCpu : texts.retry}
        </button>
      </Alert>
    )
  }
  if (now.kind === "failed") return <Alert>{texts.failed(now.why)}</Alert>
  return (
    <p class="status" role="status" data-state={now.kind}>
      {now.kind === "starting"
        ? texts.starting
        : model.value?.device == null
          ? texts.first
          : texts.ready(model.value.device)}
    </p>
  )
}

/**
 * The contents, and the picture with the marked patch. They stay visible beside the text. In narrow windows they are a bar
 * below it, and a button opens the contents.
 */
function Rail(props: { readonly at: ReadonlySignal<StepId> }): JSX.Element {
  const { guide } = strings.value
  const at = props.at.value
  const g = figureData()
  const rail = useRef<HTMLElement>(null)
  const isOpen = useSignal(false)
  useEffect(() => {
    const list = rail.current?.querySelector("nav")
    const link = list?.querySelector("[aria-current]")
    if (list && link) keepInside(list, link)
  }, [at, isOpen.value])
  const close = (): void => {
    isOpen.value = false
  }
  return (
    <aside class="rail" ref={rail} onKeyDown={({ key }) => key === "Escape" && close()}>
      {g === null ? null : <Specimen g={g} />}
      <Place at={at} g={g} />
      <button
        type="button"
        class="text contents"
        aria-expanded={isOpen.value}
        onClick={() => {
          isOpen.value = !isOpen.value
        }}
      >
        <span>{guide.contents}</span>
        <b>{guide.steps[at].title}</b>
      </button>
      <Ways at={at} />
      <nav class={isOpen.value ? "open" : ""} aria-label={guide.contents}>
        <ol>
          {parts.map(([part, steps]) => (
            <li key={part}>
              <span class="rail-part">{guide.parts[part]}</span>
              <ol>
                {steps.map(([id]) => (
                  <li key={id}>
                    <RailLink id={id} at={at} onFollow={close} />
                  </li>
                ))}
              </ol>
            </li>
          ))}
        </ol>
      </nav>
    </aside>
  )
}

/** The ways from a step: to the one before, to the next, and out into the world as a link. */
function Ways({ at }: { readonly at: StepId }): JSX.Element {
  const { guide } = strings.value
  const isCopied = useSignal(false)
  const index = stepIds.indexOf(at)
  const way = (id: StepId | undefined, name: string, arrow: string): JSX.Element => (
    <button
      type="button"
      class="text"
      disabled={id === undefined}
      aria-label={id === undefined ? name : `${name}: ${guide.steps[id].title}`}
      onClick={() => id !== undefined && aimAt(id)}
    >
      {arrow}
    </button>
  )
  const copy = async (): Promise<void> => {
    const address = linkTo(at, chosenDrawing())
    history.replaceState(null, "", address)
    await navigator.clipboard.writeText(address)
    isCopied.value = true
    setTimeout(() => {
      isCopied.value = false
    }, 3000)
  }
  return (
    <div class="ways">
      {way(stepIds[index - 1], guide.ways.previous, "←")}
      {way(stepIds[index + 1], guide.ways.next, "→")}
      <button
        type="button"
        class="text"
        aria-label={guide.ways.link}
        title={guide.ways.link}
        onClick={() => void copy().catch(() => {})}
      >
        {guide.ways.short}
      </button>
      <small role="status">{isCopied.value ? guide.ways.copied : ""}</small>
    </div>
  )
}

/** Scrolls a box until one of its elements is in sight. Nothing around the box scrolls. */
function keepInside(box: Element, element: Element): void {
  const [outer, inner] = [box.getBoundingClientRect(), element.getBoundingClientRect()]
  const over = Math.max(0, inner.bottom - outer.bottom) + Math.min(0, inner.top - outer.top)
  if (over !== 0) box.scrollTop += over + Math.sign(over) * outer.height * 0.3
}

interface RailLinkProps {
  readonly id: StepId
  readonly at: StepId
  readonly onFollow: () => void
}

function RailLink({ id, at, onFollow }: RailLinkProps): JSX.Element {
  return (
    <a
      href={`#${id}`}
      // The browser does nothing for a link to the current address, but the reader may have scrolled away from the step.
      onClick={() => {
        onFollow()
        aimAt(id)
      }}
      {...(id === at ? { "aria-current": "step" as const } : {})}
    >
      {strings.value.guide.steps[id].title}
    </a>
  )
}

function Specimen({ g }: { readonly g: FigureData }): JSX.Element {
  return (
    <div class="specimen">
      <Patches pixels={g.trace.pixels} side={g.side} grid={g.grid} label={strings.value.guide.labels.image} isChooser />
      <small>{tokenName(markedToken.value, g.grid)}</small>
    </div>
  )
}
