import { VitrineError } from "@vitrine/core"
import type { Image } from "@vitrine/data"
import { format } from "d3-format"
import type { FeatureColors, Neighbor, PatchOfImage } from "../data/features.ts"
import type { Grid } from "../data/grid.ts"
import { drawn, imageElement, toRgb } from "../draw/raster.ts"
import { element, type FigureStyle, figure, fitted, text, themeOf } from "../draw/svg.ts"
import { boxOf, tiles } from "../draw/tiles.ts"
import type { AttentionPicture } from "./attention.ts"

/**
 * Images, and the first three principal components of their patches' features as red, green and blue: DINOv2 (Oquab et
 * al., 2023), figure 1. Equal colours mean alike features, across all images.
 */
export function featuresFigure(
  seen: readonly AttentionPicture[],
  { grid, images, colors, explained }: FeatureColors,
  style: FigureStyle = {},
): string {
  const theme = themeOf(style)
  if (seen.length !== images)
    throw new VitrineError("shape", `there are ${seen.length} images, but features of ${images}`)
  const shown = seen.map(({ image, caption }, i) => ({
    images: [toRgb(image), colored(colors, grid, i)],
    caption: caption ?? "",
  }))
  const columns = Math.min(3, Math.ceil(Math.sqrt(images)))
  return figure({
    title: "Features in colour",
    subtitle: `The first three principal components of the patches' features as red, green and blue, shared by all images; they explain ${[...explained].map(format(".0%")).join(", ")} of the variance`,
    theme,
    ...tiles(shown, { columns, side: images > 8 ? 120 : 160, theme, gap: 18 }),
  })
}

/** The patches of one image as pixels. */
function colored(colors: Float32Array, { rows, columns }: Grid, image: number): Image {
  return drawn(columns, rows, (x, y) => {
    const at = ((image * rows + y) * columns + x) * 3
    const byte = (c: number): number => Math.round(255 * (colors[at + c] as number))
    return [byte(0), byte(1), byte(2)]
  })
}

/**
 * A patch of an image, and the patches with the features most like its own, each framed in its surroundings: Amir et al.
 * (2021), "Deep ViT features as dense visual descriptors", figure 1, patch by patch.
 * @param found each patch with the neighbours that `nearestPatches` gives
 */
export function neighborsFigure(
  images: readonly Image[],
  grid: Grid,
  found: readonly { readonly query: PatchOfImage; readonly neighbors: readonly Neighbor[] }[],
  style: FigureStyle = {},
): string {
  const theme = themeOf(style)
  const side = 96
  const step = side + 10
  const row = side + 34
  const most = Math.max(...found.map(({ neighbors }) => neighbors.length), 0)
  if (most === 0) throw new VitrineError("shape", "there are no neighbours to show")
  const content = found.flatMap(({ query, neighbors }, i) => {
    const at = (patch: PatchOfImage, x: number, caption: string, color: string): string =>
      element(
        "g",
        { transform: `translate(${x} ${i * row})` },
        ...surroundings(images, grid, patch, side, color),
        text(side / 2, side + 16, fitted(caption, step, 11), { size: 11, fill: theme.muted, anchor: "middle" }),
      )
    return [
      at(query, 0, `patch ${query.row},${query.column}`, theme.orange),
      ...neighbors.map((patch, k) => at(patch, step * (k + 1) + 16, format(".2f")(patch.similarity), theme.blue)),
    ]
  })
  return figure({
    title: "Nearest patches",
    subtitle: "A patch (left) and the patches whose features are most like its own, with the cosine of the two",
    theme,
    width: step * (most + 1) + 6,
    height: found.length * row - 10,
    content,
  })
}

/** Three patches each way around one, which is framed; the window stays in the image. */
function surroundings(
  images: readonly Image[],
  { rows, columns }: Grid,
  { image: which, row, column }: PatchOfImage,
  side: number,
  color: string,
): string[] {
  const image = images[which]
  if (image === undefined) throw new VitrineError("shape", `there is no image ${which}`)
  const patch = { width: image.width / columns, height: image.height / rows }
  const size = { columns: Math.min(5, columns), rows: Math.min(5, rows) }
  const first = (at: number, count: number, all: number): number =>
    Math.min(Math.max(at - Math.floor(count / 2), 0), all - count)
  const [top, left] = [first(row, size.rows, rows), first(column, size.columns, columns)]
  const cut = crop(image, left * patch.width, top * patch.height, size.columns * patch.width, size.rows * patch.height)
  const [width, height] = boxOf(cut, side)
  const scale = width / size.columns
  const tall = height / size.rows
  return [
    imageElement(cut, 0, 0, width, height),
    element("rect", {
      x: (column - left) * scale,
      y: (row - top) * tall,
      width: scale,
      height: tall,
      fill: "none",
      stroke: color,
      "stroke-width": 2.5,
    }),
  ]
}

function crop(image: Image, left: number, top: number, width: number, height: number): Image {
  const rgb = toRgb(image)
  const [x0, y0, w, h] = [left, top, width, height].map(Math.round) as [number, number, number, number]
  return drawn(w, h, (x, y) => {
    const at = 3 * ((y0 + y) * rgb.width + x0 + x)
    return [rgb.data[at] as number, rgb.data[at + 1] as number, rgb.data[at + 2] as number]
  })
}
