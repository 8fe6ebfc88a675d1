import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { useEffect, useRef } from "preact/hooks"
import { strings } from "../strings/index.ts"
import { closeCamera, frameOf, openCamera, stream } from "./camera.ts"
import * as state from "./state.ts"
import { Thumb } from "./thumb.tsx"
import { Video } from "./video.tsx"

/** The time between two frames while the button is held, in milliseconds. */
const pause = 125
const mostFrames = 80

/** A class: its name, its pictures, and ways to add some. */
export function Card(props: {
  readonly taught: state.TeachClass
  readonly films: boolean
  readonly onFilm: (key: number | null) => void
}): JSX.Element {
  const t = strings.value.teach
  const { taught, films, onFilm } = props
  const { key, name, pictures } = taught
  /** The name while the reader types it. */
  const draft = useSignal<string | null>(null)
  const guesses = state.lesson.value?.guesses ?? {}
  return (
    <section
      class="teach-card"
      aria-label={name}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault()
        event.stopPropagation()
        void state.addFiles(key, Array.from(event.dataTransfer?.files ?? []))
      }}
    >
      <header>
        <input
          type="text"
          aria-label={t.className}
          value={draft.value ?? name}
          maxLength={40}
          onInput={(event) => {
            draft.value = event.currentTarget.value
          }}
          onChange={(event) => {
            state.rename(key, event.currentTarget.value)
            draft.value = null
          }}
        />
        <small>{t.pictures(pictures.length)}</small>
        <button
          type="button"
          class="text remove"
          aria-label={t.removeClass(name)}
          onClick={() => state.removeClass(key)}
        >
          ×
        </button>
      </header>
      <div class="actions">
        <label class="button">
          {t.addFiles}
          <input
            type="file"
            class="hidden-input"
            multiple
            accept="image/*"
            onChange={(event) => {
              const files = Array.from(event.currentTarget.files ?? [])
              event.currentTarget.value = ""
              void state.addFiles(key, files)
            }}
          />
        </label>
        <button
          type="button"
          aria-pressed={films}
          onClick={() => {
            if (films) closeCamera()
            else void openCamera()
            onFilm(films ? null : key)
          }}
        >
          {films ? t.closeCamera : t.camera}
        </button>
      </div>
      {films && stream.value !== null ? <Recorder classKey={key} /> : null}
      {pictures.length === 0 ? null : (
        <ul class="teach-pictures">
          {pictures.map(({ id, thumb }, i) => {
            const guess = guesses[id]
            const isWrong = guess !== undefined && guess !== name
            return (
              <li key={id} class={isWrong ? "wrong" : ""} {...(isWrong ? { title: t.guessed(guess) } : {})}>
                <Thumb image={thumb} />
                {isWrong ? <small>✗ {guess}</small> : null}
                <button
                  type="button"
                  aria-label={t.removePicture(i + 1, name)}
                  onClick={() => state.removePicture(key, id)}
                >
                  ×
                </button>
              </li>
            )
          })}
        </ul>
      )}
    </section>
  )
}

/** The camera, and a button that takes pictures while it is held. */
function Recorder({ classKey }: { readonly classKey: number }): JSX.Element {
  const t = strings.value.teach
  const video = useRef<HTMLVideoElement>(null)
  const timer = useRef<ReturnType<typeof setInterval> | null>(null)
  const stop = (): void => {
    if (timer.current !== null) clearInterval(timer.current)
    timer.current = null
  }
  useEffect(() => stop, [])
  const start = (): void => {
    if (timer.current !== null) return
    const press = state.nextPress()
    let frames = 0
    const take = (): void => {
      const frame = frameOf(video.current)
      if (frame === null) return
      frames++
      if (frames >= mostFrames) stop()
      void state.addFrame(classKey, press, frame)
    }
    timer.current = setInterval(take, pause)
    take()
  }
  return (
    <div class="recorder">
      <Video element={video} />
      <button
        type="button"
        class="primary hold"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId)
          start()
        }}
        onPointerUp={stop}
        onPointerCancel={stop}
        onContextMenu={(event) => event.preventDefault()}
        onKeyDown={(event) => {
          if (event.key === " " || event.key === "Enter") {
            event.preventDefault()
            start()
          }
        }}
        onKeyUp={stop}
        onBlur={stop}
      >
        {t.hold}
      </button>
    </div>
  )
}
