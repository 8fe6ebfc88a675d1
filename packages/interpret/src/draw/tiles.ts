import type { Image } from "@vitrine/data"
import { imageElement } from "./raster.ts"
import { fitted, text } from "./svg.ts"
import type { Theme } from "./theme.ts"

/** Images side by side, and what stands under them. */
export interface Tile {
  readonly images: readonly Image[]
  readonly caption?: string | undefined
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
  const content = all.flatMap(({ images, caption }, i) => {
    const [x, y] = [(i % across) * cell[0], Math.floor(i / across) * cell[1]]
    const drawn = images.map((image, k) => imageElement(image, x + k * (width + inside), y, width, height))
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
