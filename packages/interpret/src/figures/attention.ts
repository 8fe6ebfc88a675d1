import { VitrineError } from "@vitrine/core"
import type { Image } from "@vitrine/data"
import type { PatchMap } from "../data/grid.ts"
import { colorBar, colorBarWidth } from "../draw/axes.ts"
import { classColor, inferno } from "../draw/colors.ts"
import { heatmap, imageElement, overlay, spotlight } from "../draw/raster.ts"
import { type FigureStyle, figure, fitted, text, themeOf } from "../draw/svg.ts"
import { boxOf, type TileFrame, tiles } from "../draw/tiles.ts"
import type { LabelledBox } from "./detection.ts"

/** An image with its caption. */
export interface AttentionPicture {
  /** The image that the model gets: `model.view(image)` of the package vitrine. */
  readonly image: Image
  /** For example the name of the file and the predicted class. */
  readonly caption?: string | undefined
}

/** A map with its caption. */
export interface AttentionMapStyle {
  readonly map: PatchMap
  readonly caption: string
  /** The object that the map's query detects. */
  readonly object?: Pick<LabelledBox, "box" | "class"> | undefined
}

/**
 * Attention maps over an image, such as those of a block's heads: DINO (Caron et al., 2021), figures 1 and 3. Maps of a
 * detector's queries also show the boxes of the objects: DETR (Carion et al., 2020), figure 6. Each map is brightest
 * where it is largest. If the image is much wider than high, such as a line of text, the maps stand one above the
 * other.
 * @param options `from`: the name of the query, for the subtitle; `at`: the name of the block or head, for the subtitle
 */
export function attentionFigure(
  picture: AttentionPicture,
  maps: readonly AttentionMapStyle[],
  { from, at, ...style }: FigureStyle & { readonly from: string; readonly at?: string },
): string {
  const theme = themeOf(style)
  const { image, caption = "" } = picture
  const line = image.width > 3 * image.height
  const side = line ? 480 : maps.length === 1 ? 320 : 200
  const framesOf = ({ object }: AttentionMapStyle): TileFrame[] => {
    if (object === undefined) return []
    const [x0, y0, x1, y1] = object.box
    const corners = [x0 / image.width, y0 / image.height, x1 / image.width, y1 / image.height] as const
    return [{ corners, color: classColor(object.class) }]
  }
  const cells = [
    { images: [image], caption, frames: maps.flatMap(framesOf) },
    ...maps.map((each) => ({
      images: [overlay(image, each.map, 2 * side, inferno)],
      caption: each.caption,
      frames: framesOf(each),
    })),
  ]
  const columns = line ? 1 : Math.max(2, Math.min(4, Math.ceil(Math.sqrt(cells.length))))
  const block = tiles(cells, { columns, side, theme })
  const [, height] = boxOf(image, side)
  const bar = colorBar(block.width + 18, height, [0, 1], inferno, "Share of the largest", theme)
  return figure({
    title: "Attention",
    subtitle: `Where ${from} looks${at === undefined ? "" : ` in ${at}`}; each map is brightest where it is largest`,
    theme,
    width: block.width + 18 + colorBarWidth,
    height: block.height,
    content: [...block.content, bar],
  })
}

/**
 * The attention maps of all heads in all blocks for one image: DINO's figure 3 for a whole model. Each row is a block.
 * If there are more blocks than heads, each column is a block. Each map is brightest where it is largest.
 * @param maps `[depth][heads]`
 * @param options `from`: the name of the query, for the subtitle
 */
export function headsFigure(
  picture: AttentionPicture,
  maps: readonly (readonly PatchMap[])[],
  { from, ...style }: FigureStyle & { readonly from: string },
): string {
  const theme = themeOf(style)
  const heads = Math.max(...maps.map(({ length }) => length), 0)
  if (heads === 0) throw new VitrineError("shape", "there are no attention maps to show")
  const transposed = maps.length > heads
  const [columns, rows] = transposed ? [maps.length, heads] : [heads, maps.length]
  const box = boxOf(picture.image, Math.min(112, Math.max(56, 860 / columns)))
  const step = { x: box[0] + 6, y: box[1] + 6 }
  const large = boxOf(picture.image, 180)
  const left = large[0] + 64
  const label = { size: 11, fill: theme.muted }
  const cells = maps.flatMap((row, block) =>
    row.map((map, head) => {
      const [x, y] = transposed ? [block, head] : [head, block]
      return imageElement(heatmap(map, 2 * Math.max(...box), inferno), left + x * step.x, y * step.y, ...box)
    }),
  )
  const [across, down] = transposed ? ["block", "head"] : ["head", "block"]
  const names = [
    ...Array.from({ length: rows }, (_, y) =>
      text(left - 10, y * step.y + box[1] / 2 + 4, `${down} ${y}`, { ...label, anchor: "end" }),
    ),
    ...Array.from({ length: columns }, (_, x) =>
      text(left + x * step.x + box[0] / 2, rows * step.y + 12, `${across} ${x}`, { ...label, anchor: "middle" }),
    ),
  ]
  const width = left + columns * step.x - 6
  const height = rows * step.y - 6
  return figure({
    title: "Attention of all heads",
    subtitle: `Where ${from} looks, in every block (${transposed ? "across" : "down"}) and head (${transposed ? "down" : "across"}); each map is brightest where it is largest`,
    theme,
    width: width + 18 + colorBarWidth,
    height: Math.max(height + 20, large[1] + 20),
    content: [
      imageElement(picture.image, 0, 0, ...large),
      text(0, large[1] + 16, fitted(picture.caption ?? "", large[0] + 10, 11), label),
      ...cells,
      ...names,
      colorBar(width + 18, Math.min(240, height), [0, 1], inferno, "Share of the largest", theme),
    ],
  })
}

/**
 * Attention rollout: each image, the image lit by its map, and the map over the image. ViT paper (Dosovitskiy et al.,
 * 2021), figures 6 and 14.
 * @param options `from`: the name of the query, for the subtitle
 */
export function rolloutFigure(
  pictures: readonly (AttentionPicture & { readonly map: PatchMap })[],
  { from, ...style }: FigureStyle & { readonly from: string },
): string {
  const theme = themeOf(style)
  if (pictures.length === 0) throw new VitrineError("shape", "there is no rollout to show")
  const side = pictures.length > 8 ? 120 : 160
  const triples = pictures.map(({ image, caption = "", map }) => ({
    images: [image, spotlight(image, map, 2 * side), overlay(image, map, 2 * side, inferno)],
    caption,
  }))
  return figure({
    title: "Attention rollout",
    subtitle: `What ${from} draws from each patch through all blocks: the image, the image in that light, and the map over it`,
    theme,
    ...tiles(triples, { columns: pictures.length > 3 ? 2 : 1, side, theme, gap: 18 }),
  })
}
