import { useSignal } from "@preact/signals"
import type { ComponentChildren, JSX } from "preact"
import type { Entry } from "../engine/archive.ts"
import { chosen, dropped } from "./files.ts"

/** A place to drop files and folders, with buttons for those who cannot. */
export function DropZone(props: {
  readonly children?: ComponentChildren
  /** Each button: its text, and what it lets choose. */
  readonly buttons: readonly { readonly text: string; readonly folder?: boolean; readonly accept?: string }[]
  readonly onFiles: (entries: readonly Entry[]) => void
}): JSX.Element {
  const over = useSignal(false)
  return (
    <div
      class={`drop ${over.value ? "over" : ""}`}
      onDragOver={(event) => {
        event.preventDefault()
        over.value = true
      }}
      onDragLeave={() => {
        over.value = false
      }}
      onDrop={(event) => {
        event.preventDefault()
        event.stopPropagation()
        over.value = false
        void dropped(event.dataTransfer).then(props.onFiles)
      }}
    >
      {props.children}
      <div class="actions">
        {props.buttons.map(({ text, folder = false, accept }) => (
          <label class="button" key={text}>
            {text}
            <input
              type="file"
              class="hidden-input"
              multiple
              {...(folder ? { webkitdirectory: true } : {})}
              {...(accept === undefined ? {} : { accept })}
              onChange={(event) => {
                const files = chosen(event.currentTarget.files)
                event.currentTarget.value = ""
                if (files.length > 0) props.onFiles(files)
              }}
            />
          </label>
        ))}
      </div>
    </div>
  )
}
