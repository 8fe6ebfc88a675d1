import type { JSX } from "preact"
import { useLayoutEffect, useRef } from "preact/hooks"

/** RGB bytes as an image, a pixel a pixel; CSS decides its size. */
export function Picture(props: {
  readonly pixels: Uint8Array
  readonly width: number
  readonly height: number
  readonly label?: string
}): JSX.Element {
  const { pixels, width, height, label } = props
  const canvas = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d")
    if (!context) return
    const image = new ImageData(width, height)
    for (let i = 0; i < width * height; i++) {
      image.data.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i)
      image.data[4 * i + 3] = 255
    }
    context.putImageData(image, 0, 0)
  }, [pixels, width, height])
  const named = label === undefined ? { "aria-hidden": "true" as const } : { role: "img" as const, "aria-label": label }
  return <canvas class="picture" ref={canvas} width={width} height={height} {...named} />
}
