import type { Image } from "@vitrine/data"
import type { Theme } from "./colors.ts"
import { imageElement } from "./raster.ts"
import { element, fitted, text } from "./svg.ts"

/** Images side by side, with a caption below. */
export interface Tile {
  readonly images: readonly Image[]
  readonly caption?: Caption | undefined
  /** Frames around parts of each image. */
  readonly frames?: readonly TileFrame[] | undefined
}

/** A line in the muted colour, or several parts with their own colours. */
export type Caption = string | readonly { readonly content: string; readonly fill: string; readonly bold?: boolean }[]

export interface TileFrame {
  /** Corners x0, y0, x1, y1 as shares of the image's sides. */
  readonly corners: readonly [number, number, number, number]
  readonly color: string
}

export interface TileOptions {
  /** Tiles in a row. */
  readonly columns: number
  /** The longer side of an image in SVG units. */
  readonly side: number
  /** The space between tiles, 12 by default. */
  readonly gap?: number
  /** The font size of the captions, 11 by default. */
  readonly captionSize?: number
  readonly theme: Theme
}

/** A part of a figure. */
export interface Block {
  readonly width: number
  readonly height: number
  readonly content: readonly string[]
}

/** The space between the images of a tile. */
const imageGap = 4

/** Draws tiles in rows. All images must have the same size. */
export function tiles(all: readonly Tile[], { columns, side, gap = 12, captionSize = 11, theme }: TileOptions): Block {
  const lineHeight = captionSize + 5
  const captions = all.map(({ caption = [] }) =>
    typeof caption === "string" ? [{ content: caption, fill: theme.muted }] : caption,
  )
  const lines = Math.max(0, ...captions.map(({ length }) => length))
  const across = Math.min(columns, all.length)
  const rows = Math.ceil(all.length / across)
  const [width, height] = boxOf(all[0]?.images[0], side)
  const tile = Math.max(...all.map(({ images }) => images.length)) * (width + imageGap) - imageGap
  const step = { x: tile + gap, y: height + (lines === 0 ? 0 : lines * lineHeight + 4) + gap }
  const content = all.flatMap(({ images, frames = [] }, i) => {
    const [x, y] = [(i % across) * step.x, Math.floor(i / across) * step.y]
    return [
      ...images.flatMap((image, k) => {
        const left = x + k * (width + imageGap)
        return [
          imageElement(image, left, y, width, height),
          ...frames.flatMap((frame) => frameElements(frame, left, y, width, height)),
        ]
      }),
      ...(captions[i] ?? []).map(({ content, ...style }, line) =>
        text(x + tile / 2, y + height + line * lineHeight + lineHeight, fitted(content, step.x - 4, captionSize), {
          ...style,
          size: captionSize,
          anchor: "middle",
        }),
      ),
    ]
  })
  return { width: across * step.x - gap, height: rows * step.y - gap, content }
}

/** The width and height of an image whose longer side is `side`. */
export function boxOf(image: Pick<Image, "width" | "height"> | undefined, side: number): readonly [number, number] {
  if (image === undefined) return [side, side]
  const larger = Math.max(image.width, image.height)
  return [(side * image.width) / larger, (side * image.height) / larger]
}

/** A rectangle with a pale edge, clipped to the image. */
function frameElements(
  { corners, color }: TileFrame,
  left: number,
  top: number,
  width: number,
  height: number,
): string[] {
  const inside = (share: number): number => Math.min(1, Math.max(0, share))
  const [x0, y0, x1, y1] = corners
  const place = {
    x: left + inside(x0) * width,
    y: top + inside(y0) * height,
    width: (inside(x1) - inside(x0)) * width,
    height: (inside(y1) - inside(y0)) * height,
  }
  return [
    element("rect", { ...place, fill: "none", rx: 1, stroke: "#ffffff", "stroke-opacity": 0.7, "stroke-width": 3 }),
    element("rect", { ...place, fill: "none", rx: 1, stroke: color, "stroke-width": 1.75 }),
  ]
}
