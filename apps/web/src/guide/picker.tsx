import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { Picture } from "../figures/picture.tsx"
import { strings } from "../strings/index.ts"
import { Second } from "./second.tsx"
import { drawings, drop, pick, picked, redraw } from "./state.ts"

/** A choice of drawings, and an area for a dropped picture. */
export function Picker(): JSX.Element {
  const { guide } = strings.value
  const isOver = useSignal(false)
  const take = (files: FileList | null | undefined): void => {
    const file = files?.[0]
    if (file !== undefined) void drop(file)
  }
  return (
    <div
      class={`picker ${isOver.value ? "over" : ""}`}
      onDragOver={(event) => {
        event.preventDefault()
        isOver.value = true
      }}
      onDragLeave={() => {
        isOver.value = false
      }}
      onDrop={(event) => {
        event.preventDefault()
        isOver.value = false
        take(event.dataTransfer?.files)
      }}
    >
      <fieldset>
        <legend>{guide.labels.pick}</legend>
        <div class="drawings">
          {drawings.value.length === 0
            ? Array.from({ length: 10 }, (_, i) => <span key={i} class="drawing blank" />)
            : drawings.value.map(({ pixels, width, height, label }, i) => (
                <label key={i} class="drawing">
                  <input type="radio" name="drawing" checked={picked.value === i} onChange={() => void pick(i)} />
                  <Picture pixels={pixels} width={width} height={height} />
                  <span>{guide.classes[label]}</span>
                </label>
              ))}
        </div>
      </fieldset>
      <div class="picker-actions">
        <button type="button" onClick={() => void redraw()}>
          {guide.labels.another}
        </button>
        <label class="button">
          {guide.labels.drop}
          <input
            type="file"
            class="hidden-input"
            accept="image/jpeg,image/png,image/webp,image/gif"
            onChange={(event) => take(event.currentTarget.files)}
          />
        </label>
        <small>
          {guide.privacy} {guide.license}
        </small>
      </div>
      <Second />
    </div>
  )
}
