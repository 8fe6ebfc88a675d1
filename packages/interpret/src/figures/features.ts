import { VitrineError } from "@vitrine/core"
import type { Image } from "@vitrine/data"
import { format } from "d3-format"
import type { FeatureColors, Neighbor, PatchOfImage } from "../data/features.ts"
import type { Grid } from "../data/grid.ts"
import { imageElement, imageOf, pixelsOf } from "../draw/raster.ts"
import { element, type FigureStyle, figure, fitted, text, themeOf } from "../draw/svg.ts"
import { boxOf, tiles } from "../draw/tiles.ts"
import type { AttentionPicture } from "./attention.ts"

/**
 * Draws images, and beside each the first three principal components of its patches' features as red, green and blue:
 * DINOv2 (Oquab et al., 2023), figure 1. Similar features have similar colours in all images.
 */
export function featuresFigure(
  pictures: readonly AttentionPicture[],
  { grid, images, colors, explained }: FeatureColors,
  style: FigureStyle = {},
): string {
  const theme = themeOf(style)
  if (pictures.length !== images)
    throw new VitrineError("shape", `there are ${pictures.length} images, but features of ${images}`)
  const length = grid.rows * grid.columns * 3
  const pairs = pictures.map(({ image, caption = "" }, i) => ({
    images: [image, patchColors(colors.subarray(i * length, (i + 1) * length), grid)],
    caption,
  }))
  const columns = Math.min(3, Math.ceil(Math.sqrt(images)))
  return figure({
    title: "Features in colour",
    subtitle: `The first three principal components of the patches' features as red, green and blue, shared by all images; they explain ${[...explained].map(format(".0%")).join(", ")} of the variance`,
    theme,
    ...tiles(pairs, { columns, side: images > 8 ? 120 : 160, theme, gap: 18 }),
  })
}

/** The patches of an image as pixels. `colors` are from 0 to 1. */
function patchColors(colors: Float32Array, { rows, columns }: Grid): Image {
  return imageOf(columns, rows, (x, y) => {
    const at = (y * columns + x) * 3
    const [red = 0, green = 0, blue = 0] = colors.subarray(at, at + 3).map((c) => Math.round(255 * c))
    return [red, green, blue]
  })
}

/** A patch and its most similar patches, from `nearestPatches`. */
export interface PatchNeighbors {
  readonly query: PatchOfImage
  readonly neighbors: readonly Neighbor[]
}

/**
 * Draws patches and the patches with the most similar features, each framed among its neighbours: Amir et al. (2021),
 * "Deep ViT features as dense visual descriptors", figure 1, for single patches.
 */
export function neighborsFigure(
  images: readonly Image[],
  grid: Grid,
  queries: readonly PatchNeighbors[],
  style: FigureStyle = {},
): string {
  const theme = themeOf(style)
  const side = 96
  const step = side + 10
  const row = side + 34
  const most = Math.max(...queries.map(({ neighbors }) => neighbors.length), 0)
  if (most === 0) throw new VitrineError("shape", "there are no neighbours to show")
  const content = queries.flatMap(({ query, neighbors }, i) => {
    const patchElement = (patch: PatchOfImage, x: number, caption: string, color: string): string =>
      element(
        "g",
        { transform: `translate(${x} ${i * row})` },
        ...surroundings(images, grid, patch, side, color),
        text(side / 2, side + 16, fitted(caption, step, 11), { size: 11, fill: theme.muted, anchor: "middle" }),
      )
    return [
      patchElement(query, 0, `patch ${query.row},${query.column}`, theme.orange),
      ...neighbors.map((patch, k) =>
        patchElement(patch, step * (k + 1) + 16, format(".2f")(patch.similarity), theme.blue),
      ),
    ]
  })
  return figure({
    title: "Nearest patches",
    subtitle: "A patch (left) and the patches with the most similar features, with the cosine of the two",
    theme,
    width: step * (most + 1) + 6,
    height: queries.length * row - 10,
    content,
  })
}

/**
 * Cuts out the five by five patches around a patch, and frames the patch. At the border of the image the cut moves
 * inwards.
 */
function surroundings(
  images: readonly Image[],
  { rows, columns }: Grid,
  { image: index, row, column }: PatchOfImage,
  side: number,
  color: string,
): string[] {
  const image = images[index]
  if (image === undefined) throw new VitrineError("shape", `there is no image ${index}`)
  const patch = { width: image.width / columns, height: image.height / rows }
  const size = { columns: Math.min(5, columns), rows: Math.min(5, rows) }
  const first = (at: number, count: number, all: number): number =>
    Math.min(Math.max(at - Math.floor(count / 2), 0), all - count)
  const [top, left] = [first(row, size.rows, rows), first(column, size.columns, columns)]
  const part = crop(image, left * patch.width, top * patch.height, size.columns * patch.width, size.rows * patch.height)
  const [width, height] = boxOf(part, side)
  const [across, down] = [width / size.columns, height / size.rows]
  const place = { x: (column - left) * across, y: (row - top) * down, width: across, height: down }
  return [
    imageElement(part, 0, 0, width, height),
    element("rect", { ...place, fill: "none", stroke: color, "stroke-width": 2.5 }),
  ]
}

function crop(image: Image, left: number, top: number, width: number, height: number): Image {
  const pixel = pixelsOf(image)
  const [x0, y0] = [Math.round(left), Math.round(top)]
  return imageOf(Math.round(width), Math.round(height), (x, y) => pixel(x0 + x, y0 + y))
}
