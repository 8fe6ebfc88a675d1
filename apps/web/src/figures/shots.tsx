import type { JSX } from "preact"
import { useEffect, useRef } from "preact/hooks"
import { strings } from "../strings/index.ts"

/** The types of pictures that a reader can choose. */
export const pictureTypes = "image/jpeg,image/png,image/webp,image/gif"

/** Thumbnails of pictures. The reader chooses one. */
export function Shots(props: {
  readonly shots: readonly { readonly name: string; readonly picture: Blob | ImageData }[]
  readonly current: number
  readonly onShow: (index: number) => void
}): JSX.Element {
  const t = strings.value.inspect
  return (
    <div class="shots" role="radiogroup" aria-label={t.pictures}>
      {props.shots.map(({ picture, name }, i) => (
        <label key={i} class="drawing">
          <input
            type="radio"
            name="shot"
            aria-label={t.picture(i + 1)}
            title={name}
            checked={props.current === i}
            onChange={() => props.onShow(i)}
          />
          <Thumb picture={picture} />
        </label>
      ))}
    </div>
  )
}

function Thumb({ picture }: { readonly picture: Blob | ImageData }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    const draw = async (): Promise<void> => {
      const bitmap = await createImageBitmap(picture)
      const size = Math.min(bitmap.width, bitmap.height)
      canvas.current
        ?.getContext("2d")
        ?.drawImage(bitmap, (bitmap.width - size) / 2, (bitmap.height - size) / 2, size, size, 0, 0, 96, 96)
      bitmap.close()
    }
    // The model reports pictures that cannot be decoded.
    draw().catch(() => {})
  }, [picture])
  return <canvas class="picture" ref={canvas} width={96} height={96} aria-hidden="true" />
}
