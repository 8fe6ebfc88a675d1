import type { JSX } from "preact"
import { useLayoutEffect, useRef } from "preact/hooks"
import { imageData } from "../engine/pixels.ts"

/** Draws RGB bytes on a canvas of the picture's size in pixels. CSS decides the size on the page. */
export function Picture(props: {
  readonly pixels: Uint8Array
  readonly width: number
  readonly height: number
  readonly label?: string
}): JSX.Element {
  const { pixels, width, height, label } = props
  const canvas = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => {
    canvas.current?.getContext("2d")?.putImageData(imageData(pixels, width, height), 0, 0)
  }, [pixels, width, height])
  const role = label === undefined ? { "aria-hidden": "true" as const } : { role: "img" as const, "aria-label": label }
  return <canvas class="picture" ref={canvas} width={width} height={height} {...role} />
}
