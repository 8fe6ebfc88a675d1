import type { JSX } from "preact"
import { useLayoutEffect, useRef } from "preact/hooks"
import { imageData } from "../engine/pixels.ts"

export interface OverlayProps {
  /** RGB bytes. */
  readonly pixels: Uint8Array
  readonly width: number
  readonly height: number
  readonly grid: readonly [rows: number, columns: number]
  /** A number for each patch. The larger the number, the brighter the patch. */
  readonly weights?: Float32Array
  /** The index of the patch with a frame. */
  readonly marked?: number | null
  readonly label: string
}

/** A picture that is darkened by weights. It is one canvas, so that it can be saved. */
export function Overlay(props: OverlayProps): JSX.Element {
  const { pixels, width, height, grid, weights, marked, label } = props
  const canvas = useRef<HTMLCanvasElement>(null)
  // A small picture is drawn enlarged, so that frames are thin.
  const scale = Math.max(1, Math.floor(256 / Math.max(width, height)))
  useLayoutEffect(() => {
    const target = canvas.current?.getContext("2d")
    const picture = new OffscreenCanvas(width, height)
    const context = picture.getContext("2d")
    if (!target || !context) return
    context.putImageData(imageData(pixels, width, height), 0, 0)
    const [rows, columns] = grid
    const largest = weights?.reduce((a, b) => Math.max(a, b), 1e-9) ?? 1
    // The first pixel of a row or column of patches.
    const top = (row: number): number => Math.ceil((row * height) / rows)
    const left = (column: number): number => Math.ceil((column * width) / columns)
    for (const [i, weight] of weights?.entries() ?? []) {
      const [row, column] = [Math.floor(i / columns), i % columns]
      // The dark grey is the same in both themes: patches with large weights look bright.
      context.fillStyle = `rgb(26 26 26 / ${0.94 * (1 - weight / largest)})`
      context.fillRect(left(column), top(row), left(column + 1) - left(column), top(row + 1) - top(row))
    }
    target.imageSmoothingEnabled = false
    target.drawImage(picture, 0, 0, width * scale, height * scale)
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
