import type { JSX } from "preact"
import { useLayoutEffect, useRef } from "preact/hooks"

export function Thumb({ image }: { readonly image: ImageData }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  useLayoutEffect(() => canvas.current?.getContext("2d")?.putImageData(image, 0, 0), [image])
  return <canvas ref={canvas} width={image.width} height={image.height} aria-hidden="true" />
}
