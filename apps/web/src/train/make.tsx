import { type Signal, signal, useSignal } from "@preact/signals"
import type { JSX, TargetedKeyboardEvent, TargetedPointerEvent } from "preact"
import { useEffect, useRef } from "preact/hooks"
import { messageOf } from "../engine/client.ts"
import type { Example } from "../engine/images.ts"
import { strings } from "../strings/index.ts"
import { Alert } from "../figures/alert.tsx"

/** The pictures that the reader made in this page. */
export const examples: Signal<readonly Example[]> = signal([])
const classes: Signal<readonly string[]> = signal(["A", "B"])
const chosenClass: Signal<string> = signal("A")

/** Replaces the pictures and the classes by others. */
export function takePictures(pictures: readonly Example[]): void {
  examples.value = pictures
  classes.value = [...new Set(pictures.map(({ className }) => className))]
  chosenClass.value = classes.value[0] ?? "A"
}

const side = 160

/** Lets the reader make pictures for classes, by drawing or with the camera. */
export function Make(): JSX.Element {
  const t = strings.value.train
  const name = useSignal("")
  const add = (image: ImageData): void => {
    examples.value = [...examples.value, { className: chosenClass.value, image }]
  }
  return (
    <div class="make">
      <p class="hint">{t.makeHint}</p>
      <div class="classes" role="radiogroup" aria-label={t.className}>
        {classes.value.map((each) => {
          const pictures = examples.value.filter(({ className }) => className === each)
          return (
            <label key={each} class="class-card">
              <input
                type="radio"
                name="class"
                checked={chosenClass.value === each}
                onChange={() => {
                  chosenClass.value = each
                }}
              />
              <span class="class-name">{each}</span>
              <small>{t.examples(pictures.length)}</small>
              <span class="thumbs">
                {pictures.slice(-6).map(({ image }, i) => (
                  <Thumb key={i} image={image} />
                ))}
              </span>
            </label>
          )
        })}
      </div>
      <div class="actions">
        <input
          type="text"
          aria-label={t.className}
          placeholder={t.className}
          value={name.value}
          maxLength={40}
          onInput={(event) => {
            name.value = event.currentTarget.value
          }}
        />
        <button
          type="button"
          disabled={name.value.trim() === "" || classes.value.includes(name.value.trim())}
          onClick={() => {
            classes.value = [...classes.value, name.value.trim()]
            chosenClass.value = name.value.trim()
            name.value = ""
          }}
        >
          {t.addClass}
        </button>
      </div>
      <div class="makers">
        <Pad onPicture={add} />
        <Camera onPicture={add} />
      </div>
    </div>
  )
}

function Thumb({ image }: { readonly image: ImageData }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => canvas.current?.getContext("2d")?.putImageData(image, 0, 0), [image])
  return <canvas ref={canvas} width={image.width} height={image.height} aria-hidden="true" />
}

/** A place on the pad, in its pixels. */
type Place = readonly [x: number, y: number]

function Pad({ onPicture }: { readonly onPicture: (image: ImageData) => void }): JSX.Element {
  const t = strings.value.train
  const canvas = useRef<HTMLCanvasElement>(null)
  const last = useRef<Place | null>(null)
  const context = (): CanvasRenderingContext2D | null | undefined =>
    canvas.current?.getContext("2d", { willReadFrequently: true })
  const clear = (): void => {
    const to = context()
    if (!to) return
    to.fillStyle = "#fff"
    to.fillRect(0, 0, side, side)
  }
  useEffect(clear, [])
  const placeOf = (event: TargetedPointerEvent<HTMLCanvasElement>): Place => {
    const box = event.currentTarget.getBoundingClientRect()
    return [((event.clientX - box.left) * side) / box.width, ((event.clientY - box.top) * side) / box.height]
  }
  const lineTo = (at: Place): void => {
    const to = context()
    if (!to || last.current === null) return
    to.strokeStyle = "#111"
    to.lineWidth = 9
    to.lineCap = "round"
    to.beginPath()
    to.moveTo(...last.current)
    to.lineTo(...at)
    to.stroke()
    last.current = at
  }
  // The keyboard has a pen too: arrows move it, Space lowers and lifts it.
  const pen = useSignal<{ readonly at: Place; readonly isDown: boolean } | null>(null)
  const onKey = (event: TargetedKeyboardEvent<HTMLCanvasElement>): void => {
    const { at, isDown } = pen.value ?? { at: [side / 2, side / 2] as const, isDown: false }
    const step = event.shiftKey ? 12 : 4
    const [right, down] =
      { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key] ?? []
    if (event.key === " ") {
      last.current = isDown ? null : at
      lineTo(at)
      pen.value = { at, isDown: !isDown }
    } else if (right !== undefined && down !== undefined) {
      const within = (value: number): number => Math.min(side, Math.max(0, value))
      const next: Place = [within(at[0] + step * right), within(at[1] + step * down)]
      lineTo(next)
      pen.value = { at: next, isDown }
    } else return
    event.preventDefault()
  }
  const shown = pen.value
  return (
    <div class="maker">
      <div class="pad-field">
        <canvas
          class="pad"
          ref={canvas}
          width={side}
          height={side}
          role="application"
          tabIndex={0}
          aria-label={t.pad}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId)
            last.current = placeOf(event)
            lineTo(last.current)
          }}
          onPointerMove={(event) => lineTo(placeOf(event))}
          onPointerUp={() => {
            last.current = null
          }}
          onKeyDown={onKey}
          onBlur={() => {
            last.current = null
            pen.value = null
          }}
        />
        {shown === null ? null : (
          <span
            class={`pen ${shown.isDown ? "down" : ""}`}
            style={{ left: `${(100 * shown.at[0]) / side}%`, top: `${(100 * shown.at[1]) / side}%` }}
          />
        )}
      </div>
      <output class="pen-place" aria-live="polite">
        {shown === null ? null : t.pen(shown.at[0], shown.at[1], shown.isDown)}
      </output>
      <div class="actions">
        <button
          type="button"
          onClick={() => {
            const image = context()?.getImageData(0, 0, side, side)
            if (image !== undefined) onPicture(image)
            clear()
          }}
        >
          {t.addDrawing}
        </button>
        <button type="button" class="text" onClick={clear}>
          {t.clear}
        </button>
      </div>
    </div>
  )
}

function Camera({ onPicture }: { readonly onPicture: (image: ImageData) => void }): JSX.Element {
  const t = strings.value.train
  const video = useRef<HTMLVideoElement>(null)
  const stream = useSignal<MediaStream | null>(null)
  const fault = useSignal<string | null>(null)
  const stop = (): void => {
    for (const track of stream.peek()?.getTracks() ?? []) track.stop()
    stream.value = null
  }
  useEffect(() => stop, [])
  useEffect(() => {
    if (video.current !== null) video.current.srcObject = stream.value
  }, [stream.value])
  const open = async (): Promise<void> => {
    fault.value = null
    try {
      stream.value = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } })
    } catch (error) {
      fault.value = messageOf(error)
    }
  }
  const take = (): void => {
    const from = video.current
    if (from === null || from.videoWidth === 0) return
    const size = Math.min(from.videoWidth, from.videoHeight)
    const to = new OffscreenCanvas(side, side).getContext("2d")
    to?.drawImage(from, (from.videoWidth - size) / 2, (from.videoHeight - size) / 2, size, size, 0, 0, side, side)
    const image = to?.getImageData(0, 0, side, side)
    if (image !== undefined) onPicture(image)
  }
  return (
    <div class="maker">
      {stream.value === null ? (
        <button type="button" onClick={() => void open()}>
          {t.camera}
        </button>
      ) : (
        <>
          <video ref={video} class="pad" autoplay muted playsInline />
          <div class="actions">
            <button type="button" onClick={take}>
              {t.photo}
            </button>
            <button type="button" class="text" onClick={stop}>
              {t.closeCamera}
            </button>
          </div>
        </>
      )}
      {fault.value === null ? null : <Alert class="">{t.noCamera(fault.value)}</Alert>}
    </div>
  )
}
