import type { ComponentChildren, JSX } from "preact"
import { useRef } from "preact/hooks"
import { strings } from "../strings/index.ts"
import { ValuesButton } from "./tables.tsx"
import { save, toPng, toSvg } from "./save.ts"

/** A section with a title and a figure that the reader can save. */
export function Saved(props: {
  readonly id: string
  readonly title: string
  /** Whether the figure can be read as tables. */
  readonly hasValues?: boolean
  /** Content between the title and the figure. It is not saved. */
  readonly head?: ComponentChildren
  /** Content after the figure. It is not saved. */
  readonly foot?: ComponentChildren
  readonly children: ComponentChildren
}): JSX.Element {
  const { id, title, head, foot, children } = props
  const t = strings.value.inspect
  const figure = useRef<HTMLDivElement>(null)
  return (
    <section class="view" id={id} aria-label={title}>
      <div class="view-head">
        <h2>{title}</h2>
        <div class="actions">
          {props.hasValues === true ? <ValuesButton figure={figure} title={title} /> : null}
          <button
            type="button"
            class="text"
            aria-label={`${t.savePng}: ${title}`}
            onClick={() => {
              const element = figure.current
              if (element !== null) void toPng(element).then((png) => save(png, `${id}.png`))
            }}
          >
            {t.savePng}
          </button>
          <button
            type="button"
            class="text"
            aria-label={`${t.saveSvg}: ${title}`}
            onClick={() => {
              if (figure.current !== null)
                save(new Blob([toSvg(figure.current)], { type: "image/svg+xml" }), `${id}.svg`)
            }}
          >
            {t.saveSvg}
          </button>
        </div>
      </div>
      {head === undefined ? null : <div class="view-notes">{head}</div>}
      <div ref={figure}>{children}</div>
      {foot === undefined ? null : <div class="view-notes">{foot}</div>}
    </section>
  )
}
