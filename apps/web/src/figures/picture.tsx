import type { JSX } from "preact"
import { useLayoutEffect, useRef } from "preact/hooks"
import { imageData } from "../engine/pixels.ts"

/** RGB bytes as a canvas with one pixel for each pixel. CSS decides its size. */
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
