import { useSignal } from "@preact/signals"
import type { JSX } from "preact"
import { useEffect, useRef } from "preact/hooks"
import { messageOf } from "../engine/client.ts"
import { Bars } from "../figures/bars.tsx"
import { DropZone } from "../figures/drop-zone.tsx"
import { percent } from "../figures/format.ts"
import { strings } from "../strings/index.ts"
import { closeCamera, frameOf, openCamera, stream } from "./camera.ts"
import * as state from "./state.ts"
import { Thumb } from "./thumb.tsx"
import { Video } from "./video.tsx"

/** Tries the model on a picture, or on what the camera sees. */
export function Try({ onFilm }: { readonly onFilm: (key: null) => void }): JSX.Element {
  const t = strings.value.teach
  const isLive = useSignal(false)
  const { value: lesson } = state.lesson
  const { value: trial } = state.trial
  const stop = (): void => {
    isLive.value = false
    closeCamera()
  }
  return (
    <section class="teach-try" aria-label={t.try}>
      <h2>{t.try}</h2>
      <Learned />
      {lesson === null ? null : (
        <>
          <DropZone
            buttons={[{ text: t.choosePicture, accept: "image/*" }]}
            onFiles={([first]) => {
              if (first === undefined) return
              if (isLive.value) stop()
              const [path, file] = first
              void state.tryPicture(file, path.split("/").at(-2) ?? null)
            }}
          >
            <p class="hint">{t.tryHint}</p>
          </DropZone>
          <div class="actions">
            <button
              type="button"
              aria-pressed={isLive.value}
              onClick={() => {
                if (isLive.value) stop()
                else {
                  onFilm(null)
                  isLive.value = true
                  void openCamera()
                }
              }}
            >
              {isLive.value ? t.stopCamera : t.tryCamera}
            </button>
          </div>
          {isLive.value && stream.value !== null ? <Live /> : null}
          {trial === null ? null : (
            <div class="prediction" data-trial>
              {trial.picture === null ? null : (
                <div class="tried">
                  <Thumb image={trial.picture} />
                  {trial.truth === null ? null : <small>{t.truth(trial.truth)}</small>}
                </div>
              )}
              <Bars
                label={t.tried}
                labels={trial.guesses.map(({ label }) => label)}
                values={trial.guesses.map(({ probability }) => probability)}
                show={percent}
                most={1}
                best={0}
                target={trial.truth === null ? null : trial.guesses.findIndex(({ label }) => label === trial.truth)}
              />
            </div>
          )}
        </>
      )}
    </section>
  )
}

/** Guesses frame after frame, as fast as the model can. */
function Live(): JSX.Element {
  const video = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    const closing = new AbortController()
    const { signal } = closing
    const follow = async (): Promise<void> => {
      while (!signal.aborted) {
        const frame = frameOf(video.current)
        if (frame !== null && state.lesson.value !== null) await state.tryFrame(frame)
        await new Promise((resolve) => setTimeout(resolve, 60))
      }
    }
    follow().catch((error: unknown) => {
      state.fault.value = messageOf(error)
    })
    return () => closing.abort()
  }, [])
  return <Video element={video} />
}

/** What the model has learned, and how well, or why that cannot be told. */
function Learned(): JSX.Element {
  const t = strings.value.teach
  const { value: lesson } = state.lesson
  if (lesson === null) return <p class="hint">{t.needTwo}</p>
  const pictures = state.classes.value.reduce((sum, each) => sum + each.pictures.length, 0)
  const { accuracy, groups, milliseconds } = lesson
  return (
    <div data-lesson={lesson.classes.length}>
      <p role="status">{t.learned(pictures, lesson.classes.length, (milliseconds / 1000).toFixed(2))}</p>
      {accuracy === null ? (
        <p class="hint" data-accuracy="none">
          {t.noAccuracy(groups)}
        </p>
      ) : (
        <p class="hint" data-accuracy={accuracy}>
          {t.accuracy(percent(accuracy), Object.keys(lesson.guesses).length)} {t.together}
        </p>
      )}
    </div>
  )
}
