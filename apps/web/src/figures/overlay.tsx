import type { JSX } from "preact"
import { useLayoutEffect, useRef } from "preact/hooks"

export interface OverlayProps {
  /** RGB bytes. */
  readonly pixels: Uint8Array
  readonly width: number
  readonly height: number
  readonly grid: readonly [rows: number, columns: number]
  /** A number for each patch: bright where it is large. */
  readonly weights?: Float32Array
  /** Patch with a frame. */
  readonly marked?: number | null
  readonly label: string
}

/** A picture under weights, drawn as one canvas, so that it can be saved as it is. */
export function Overlay(props: OverlayProps): JSX.Element {
  const { pixels, width, height, grid, weights, marked, label } = props
  const canvas = useRef<HTMLCanvasElement>(null)
  // Small pictures are drawn larger, so that frames are thin.
  const scale = Math.max(1, Math.floor(256 / Math.max(width, height)))
  useLayoutEffect(() => {
    const target = canvas.current?.getContext("2d")
    const source = new OffscreenCanvas(width, height)
    const from = source.getContext("2d")
    if (!target || !from) return
    const image = new ImageData(width, height)
    const [rows, columns] = grid
    const most = weights?.reduce((a, b) => Math.max(a, b), 1e-9) ?? 1
    for (let i = 0; i < width * height; i++) {
      const [y, x] = [Math.floor(i / width), i % width]
      const patch = Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width)
      const share = weights === undefined ? 1 : (weights[patch] as number) / most
      // Towards a dark grey, in light and in dark: what glows is what is looked at.
      for (let c = 0; c < 3; c++)
        image.data[4 * i + c] = 26 + (0.06 + 0.94 * share) * ((pixels[3 * i + c] as number) - 26)
      image.data[4 * i + 3] = 255
    }
    from.putImageData(image, 0, 0)
    target.imageSmoothingEnabled = false
    target.drawImage(source, 0, 0, width * scale, height * scale)
    if (marked !== null && marked !== undefined) {
      const [w, h] = [(width * scale) / columns, (height * scale) / rows]
      target.strokeStyle = "#ff9a3d"
      target.lineWidth = Math.max(2, w / 14)
      target.strokeRect((marked % columns) * w, Math.floor(marked / columns) * h, w, h)
    }
  }, [pixels, width, height, grid, weights, marked, scale])
  return (
    <canvas
      class="overlay"
      ref={canvas}
      width={width * scale}
      height={height * scale}
      role="img"
      aria-label={label}
      data-caption={label}
    />
  )
}
