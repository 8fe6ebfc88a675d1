import { useSignal } from "@preact/signals"
import type { ComponentChildren, JSX } from "preact"
import type { Entry } from "../engine/archive.ts"
import { chosenFiles, droppedFiles } from "./files.ts"

/** An area for dropped files and folders, with buttons to choose some. */
export function DropZone(props: {
  readonly children?: ComponentChildren
  /** Each button lets the reader choose a folder, or files of some types. */
  readonly buttons: readonly { readonly text: string; readonly folder?: boolean; readonly accept?: string }[]
  readonly onFiles: (entries: readonly Entry[]) => void
}): JSX.Element {
  const isOver = useSignal(false)
  return (
    <div
      class={`drop ${isOver.value ? "over" : ""}`}
      onDragOver={(event) => {
        event.preventDefault()
        isOver.value = true
      }}
      onDragLeave={() => {
        isOver.value = false
      }}
      onDrop={(event) => {
        event.preventDefault()
        event.stopPropagation()
        isOver.value = false
        void droppedFiles(event.dataTransfer).then(props.onFiles)
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
                const files = chosenFiles(event.currentTarget.files)
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
