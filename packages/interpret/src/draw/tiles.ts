import type { Image } from "@vitrine/data"
import { imageElement } from "./raster.ts"
import { element, fitted, text } from "./svg.ts"
import type { Theme } from "./colors.ts"

/** Images side by side, and what stands under them. */
export interface Tile {
  readonly images: readonly Image[]
  readonly caption?: string | undefined
  /** Around parts of each image: corners x0, y0, x1, y1 as shares of its sides. */
  readonly frames?: readonly TileFrame[] | undefined
}

export interface TileFrame {
  readonly corners: readonly [number, number, number, number]
  readonly color: string
}

export interface TileOptions {
  /** Tiles in a row. */
  readonly columns: number
  /** The longer side of an image, in the figure's units. */
  readonly side: number
  /** Between tiles. */
  readonly gap?: number
  readonly theme: Theme
}

export interface Block {
  readonly width: number
  readonly height: number
  readonly content: readonly string[]
}

const inside = 4

/** Tiles in rows; all their images are of one size. */
export function tiles(all: readonly Tile[], { columns, side, gap = 12, theme }: TileOptions): Block {
  const captions = all.some(({ caption }) => caption !== undefined) ? 20 : 0
  const across = Math.min(columns, all.length)
  const rows = Math.ceil(all.length / across)
  const [width, height] = boxOf(all[0]?.images[0], side)
  const tile = Math.max(...all.map(({ images }) => images.length)) * (width + inside) - inside
  const cell = [tile + gap, height + captions + gap] as const
  const content = all.flatMap(({ images, caption, frames = [] }, i) => {
    const [x, y] = [(i % across) * cell[0], Math.floor(i / across) * cell[1]]
    const drawn = images.flatMap((image, k) => {
      const left = x + k * (width + inside)
      return [
        imageElement(image, left, y, width, height),
        ...frames.flatMap((one) => framed(one, left, y, width, height)),
      ]
    })
    if (caption === undefined) return drawn
    const style = { size: 11, fill: theme.muted, anchor: "middle" } as const
    return [...drawn, text(x + tile / 2, y + height + 16, fitted(caption, cell[0] - 4, 11), style)]
  })
  return { width: across * cell[0] - gap, height: rows * cell[1] - gap, content }
}

/** The width and height of an image whose longer side is `side`. */
export function boxOf(image: Pick<Image, "width" | "height"> | undefined, side: number): readonly [number, number] {
  if (image === undefined) return [side, side]
  const larger = Math.max(image.width, image.height)
  return [(side * image.width) / larger, (side * image.height) / larger]
}

/** A frame on an image, pale around its colour, as far as it lies within the image. */
function framed({ corners, color }: TileFrame, left: number, top: number, width: number, height: number): string[] {
  const [x0, y0, x1, y1] = corners.map(
    (share, i) => Math.min(1, Math.max(0, share)) * (i % 2 === 0 ? width : height),
  ) as [number, number, number, number]
  const frame = { x: left + x0, y: top + y0, width: x1 - x0, height: y1 - y0, fill: "none", rx: 1 }
  return [
    element("rect", { ...frame, stroke: "#ffffff", "stroke-opacity": 0.7, "stroke-width": 3 }),
    element("rect", { ...frame, stroke: color, "stroke-width": 1.75 }),
  ]
}
