import { type Signal, useSignal, useSignalEffect } from "@preact/signals"
import type { ComponentChildren, JSX } from "preact"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import { ValuesButton } from "../figures/tables.tsx"
import { strings } from "../strings/index.ts"
import type { StepId } from "../strings/guide-texts.ts"
import formulas from "./formulas.tex"
import { type FigureData, figureData, isComplete, isModelNeeded, trace } from "./state.ts"

/** The steps whose figures need the picture alone. They are there before the model is. */
const stepsOfPicture: ReadonlySet<StepId> = new Set(["data", "image", "label", "patches", "pretraining", "compute"])

/** The steps whose figures show pictures alone, or a table already. */
const stepsWithoutValues: ReadonlySet<StepId> = new Set(["data", "label", "patches"])

/** Text with `*emphasis*`. */
export function Prose({ text }: { readonly text: string }): JSX.Element {
  const parts = text.split("*")
  return <p>{parts.map((part, i) => (i % 2 === 1 ? <em key={i}>{part}</em> : part))}</p>
}

export interface StepProps {
  readonly id: StepId
  readonly number: number
  readonly draw: (g: FigureData) => ComponentChildren
}

/** One step of the guide: a text and a formula beside a figure. The figure is drawn when it is near the window. */
export function Step({ id, number, draw }: StepProps): JSX.Element {
  const { title, text } = strings.value.guide.steps[id]
  const formula = formulas[id]
  const section = useRef<HTMLElement>(null)
  const near = useSignal(false)
  useEffect(() => {
    const watcher = new IntersectionObserver(
      (entries) => {
        near.value = entries.at(-1)?.isIntersecting === true
      },
      { rootMargin: "600px" },
    )
    if (section.current !== null) watcher.observe(section.current)
    return () => watcher.disconnect()
  }, [])
  return (
    <section class="step" id={id} ref={section} aria-labelledby={`${id}-title`}>
      <div class="words">
        <h3 id={`${id}-title`}>
          <span class="step-number">{number}</span>
          {title}
        </h3>
        {text.map((paragraph) => (
          <Prose key={paragraph} text={paragraph} />
        ))}
        {/* The build makes this MathML from our own formulas. */}
        {formula === undefined ? null : <div class="formula" dangerouslySetInnerHTML={{ __html: formula }} />}
      </div>
      <Figure
        draw={draw}
        title={title}
        near={near}
        needsModel={!stepsOfPicture.has(id)}
        hasValues={!stepsWithoutValues.has(id)}
      />
    </section>
  )
}

/**
 * A figure that follows its data while it is near the window. Each figure is drawn in a separate task, so that the page
 * never waits for all of them.
 */
function Figure(props: {
  readonly draw: StepProps["draw"]
  readonly title: string
  readonly near: Signal<boolean>
  readonly needsModel: boolean
  readonly hasValues: boolean
}): JSX.Element {
  const { draw, title, near, needsModel, hasValues } = props
  const figure = useRef<HTMLDivElement>(null)
  const g = useSignal<FigureData | null>(null)
  useSignalEffect(() => {
    if (near.value && needsModel) isModelNeeded.value = true
    const next = figureData()
    if (near.value && next !== null && (isComplete.value || !needsModel))
      inTurn(near, () => {
        g.value = next
      })
  })
  // A figure that is drawn while the reader's focus is in it moves what has the focus.
  useLayoutEffect(() => {
    const focused = document.activeElement
    if (focused !== null && figure.current?.contains(focused)) focused.scrollIntoView({ block: "nearest" })
  }, [g.value === null])
  return (
    <div class="figure" ref={figure} data-stale={g.value?.trace !== trace.value}>
      {g.value === null ? <div class="waiting" /> : draw(g.value)}
      {hasValues ? <ValuesButton figure={figure} title={title} /> : null}
    </div>
  )
}

const waiting = new Map<object, () => void>()

/** Runs work in a separate task. New work of an owner replaces the owner's waiting work. */
function inTurn(owner: object, work: () => void): void {
  if (waiting.size === 0) setTimeout(next)
  waiting.set(owner, work)
}

function next(): void {
  const [first] = waiting
  if (first === undefined) return
  waiting.delete(first[0])
  if (waiting.size > 0) setTimeout(next)
  first[1]()
}
