import { VitrineError } from "@vitrine/core"
import type { Image } from "@vitrine/data"
import type { PatchMap } from "../data/grid.ts"
import { colorBar, colorBarWidth } from "../draw/axes.ts"
import { classColor, inferno } from "../draw/colors.ts"
import { heatmap, imageElement, spotlight, overlay, toRgb } from "../draw/raster.ts"
import { element, type FigureStyle, figure, fitted, text, themeOf } from "../draw/svg.ts"
import { boxOf, type TileFrame, tiles } from "../draw/tiles.ts"
import type { LabelledBox } from "./detection.ts"

/** An image as the model sees it. */
export interface AttentionPicture {
  readonly image: Image
  /** What stands under it, such as its file's name and what the model says of it. */
  readonly caption?: string | undefined
}

/** A map with what stands under it, and the object that it belongs to, if it is of one. */
export interface AttentionMapStyle {
  readonly map: PatchMap
  readonly caption: string
  readonly object?: Pick<LabelledBox, "box" | "class"> | undefined
}

/**
 * Attention maps over an image, one for each head or whatever the maps are of: DINO (Caron et al., 2021), figures 1
 * and 3; and of the objects of a detector, in their boxes' colours, DETR (Carion et al., 2020), figure 6. Each is brightest
 * where it is largest. Those of images that are much wider than high, such as lines of text, stand one above the other.
 * @param maps of the same image, each with its caption
 * @param options `from`: who looks, and `at`: in what block or head, for the subtitle
 */
export function attentionFigure(
  seen: AttentionPicture,
  maps: readonly AttentionMapStyle[],
  { from, at, ...style }: FigureStyle & { readonly from: string; readonly at?: string },
): string {
  const theme = themeOf(style)
  const { width: across, height: down } = seen.image
  const line = across > 3 * down
  const side = line ? 480 : maps.length === 1 ? 320 : 200
  const frameOf = ({ box: [x0, y0, x1, y1], class: kind }: NonNullable<AttentionMapStyle["object"]>): TileFrame => ({
    corners: [x0 / across, y0 / down, x1 / across, y1 / down],
    color: classColor(kind),
  })
  const frames = maps.map(({ object }) => (object === undefined ? [] : [frameOf(object)]))
  const shown = [
    { images: [toRgb(seen.image)], caption: seen.caption ?? "", frames: frames.flat() },
    ...maps.map(({ map, caption }, i) => ({
      images: [overlay(seen.image, map, 2 * side, inferno)],
      caption,
      frames: frames[i],
    })),
  ]
  const columns = line ? 1 : Math.max(2, Math.min(4, Math.ceil(Math.sqrt(shown.length))))
  const block = tiles(shown, { columns, side, theme })
  const [, height] = boxOf(seen.image, side)
  return figure({
    title: "Attention",
    subtitle: `Where ${from} looks${at === undefined ? "" : ` in ${at}`}; each map is brightest where it is largest`,
    theme,
    width: block.width + 18 + colorBarWidth,
    height: block.height,
    content: [
      ...block.content,
      element(
        "g",
        { transform: `translate(${block.width + 18} 0)` },
        colorBar(0, height, [0, 1], inferno, "Share of the largest", theme),
      ),
    ],
  })
}

/**
 * The attention maps of all heads in all blocks for one image; DINO's figure 3 for a whole model. Blocks go down, or across
 * where there are more of them than heads. Each map is brightest where it is largest.
 * @param maps `[depth][heads]`
 * @param options `from`: who looks, for the subtitle
 */
export function headsFigure(
  seen: AttentionPicture,
  maps: readonly (readonly PatchMap[])[],
  { from, ...style }: FigureStyle & { readonly from: string },
): string {
  const theme = themeOf(style)
  const heads = Math.max(...maps.map(({ length }) => length), 0)
  if (heads === 0) throw new VitrineError("shape", "there are no attention maps to show")
  const turned = maps.length > heads
  const [columns, rows] = turned ? [maps.length, heads] : [heads, maps.length]
  const box = boxOf(seen.image, Math.min(112, Math.max(56, 860 / columns)))
  const step = [box[0] + 6, box[1] + 6] as const
  const picture = boxOf(seen.image, 180)
  const left = picture[0] + 64
  const label = { size: 11, fill: theme.muted }
  const drawn = maps.flatMap((row, block) =>
    row.map((map, head) => {
      const [x, y] = turned ? [block, head] : [head, block]
      return imageElement(heatmap(map, 2 * Math.max(...box), inferno), left + x * step[0], y * step[1], ...box)
    }),
  )
  const [across, down] = turned ? ["block", "head"] : ["head", "block"]
  const names = [
    ...Array.from({ length: rows }, (_, y) =>
      text(left - 10, y * step[1] + box[1] / 2 + 4, `${down} ${y}`, { ...label, anchor: "end" }),
    ),
    ...Array.from({ length: columns }, (_, x) =>
      text(left + x * step[0] + box[0] / 2, rows * step[1] + 12, `${across} ${x}`, { ...label, anchor: "middle" }),
    ),
  ]
  const width = left + columns * step[0] - 6
  const height = rows * step[1] - 6
  return figure({
    title: "Attention of all heads",
    subtitle: `Where ${from} looks, in every block (${turned ? "across" : "down"}) and head (${turned ? "down" : "across"}); each map is brightest where it is largest`,
    theme,
    width: width + 18 + colorBarWidth,
    height: Math.max(height + 20, picture[1] + 20),
    content: [
      imageElement(toRgb(seen.image), 0, 0, ...picture),
      text(0, picture[1] + 16, fitted(seen.caption ?? "", picture[0] + 10, 11), label),
      ...drawn,
      ...names,
      colorBar(width + 18, Math.min(240, height), [0, 1], inferno, "Share of the largest", theme),
    ],
  })
}

/**
 * Attention rollout, each image beside itself in the light of it: ViT paper (Dosovitskiy et al., 2021), figures 6 and 14.
 */
export function rolloutFigure(
  seen: readonly (AttentionPicture & { readonly map: PatchMap })[],
  { from, ...style }: FigureStyle & { readonly from: string },
): string {
  const theme = themeOf(style)
  if (seen.length === 0) throw new VitrineError("shape", "there is no rollout to show")
  const side = seen.length > 8 ? 120 : 160
  const shown = seen.map(({ image, caption, map }) => ({
    images: [toRgb(image), spotlight(image, map, 2 * side), overlay(image, map, 2 * side, inferno)],
    caption: caption ?? "",
  }))
  return figure({
    title: "Attention rollout",
    subtitle: `What ${from} draws from each patch through all blocks: the image, the image in that light, and the map over it`,
    theme,
    ...tiles(shown, { columns: seen.length > 3 ? 2 : 1, side, theme, gap: 18 }),
  })
}
