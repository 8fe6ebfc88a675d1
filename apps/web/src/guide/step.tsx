import { useSignal } from "@preact/signals"
import type { ComponentChildren, JSX } from "preact"
import { useEffect, useRef } from "preact/hooks"
import { strings } from "../strings/index.ts"
import type { StepId } from "../strings/types.ts"
import formulas from "./formulas.tex"
import { type Shown, shown } from "./state.ts"

/** Text with `*emphasis*`. */
export function Prose({ text }: { readonly text: string }): JSX.Element {
  const parts = text.split("*")
  return <p>{parts.map((part, i) => (i % 2 === 1 ? <em key={i}>{part}</em> : part))}</p>
}

export interface StepProps {
  readonly id: StepId
  readonly number: number
  readonly draw: (g: Shown) => ComponentChildren
}

/** One step of the guide: words and formula beside the figure, which is drawn when it comes near. */
export function Step({ id, number, draw }: StepProps): JSX.Element {
  const { title, text } = strings.value.guide.steps[id]
  const formula = formulas[id]
  const section = useRef<HTMLElement>(null)
  const near = useSignal(false)
  useEffect(() => {
    const watcher = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return
        near.value = true
        watcher.disconnect()
      },
      { rootMargin: "600px" },
    )
    watcher.observe(section.current as Element)
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
        {/* MathML of our own, made when the site was built. */}
        {formula === undefined ? null : <div class="formula" dangerouslySetInnerHTML={{ __html: formula }} />}
      </div>
      <div class="figure">{near.value ? <Figure draw={draw} /> : null}</div>
    </section>
  )
}

function Figure({ draw }: { readonly draw: StepProps["draw"] }): JSX.Element {
  const g = shown()
  return g === null ? <div class="waiting" /> : <>{draw(g)}</>
}
