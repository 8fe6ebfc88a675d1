import type { JSX } from "preact"
import type { PictureDetections } from "../engine/detection.ts"
import { Overlay } from "../figures/overlay.tsx"

/** A picture, darkened by weights if there are any, with boxes over it. */
export function Stage(props: {
  readonly label: string
  readonly picture: Pick<PictureDetections, "pixels" | "width" | "height" | "grid">
  readonly weights?: Float32Array
  readonly children?: JSX.Element
}): JSX.Element {
  const { label, picture, weights, children } = props
  const { pixels, width, height, grid } = picture
  return (
    <div class={width < 200 ? "stage small" : "stage"} style={{ "--aspect": width / height }}>
      <Overlay pixels={pixels} width={width} height={height} grid={grid} {...(weights && { weights })} label={label} />
      {children}
    </div>
  )
}
