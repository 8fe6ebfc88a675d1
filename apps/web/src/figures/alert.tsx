import type { ComponentChildren, JSX } from "preact"
import { useEffect, useRef } from "preact/hooks"

/** What the reader must know at once. It scrolls itself into sight when it appears or says something else. */
export function Alert(props: { readonly class?: string; readonly children: ComponentChildren }): JSX.Element {
  const paragraph = useRef<HTMLParagraphElement>(null)
  const text = paragraph.current?.textContent
  useEffect(() => {
    const element = paragraph.current
    if (element !== null && element.textContent !== text) element.scrollIntoView({ block: "nearest" })
  })
  return (
    <p ref={paragraph} class={props.class ?? "status failed"} role="alert">
      {props.children}
    </p>
  )
}
