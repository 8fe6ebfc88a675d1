import { basename, join } from "node:path"
import { readMetrics } from "@vitrine/checkpoint/node"
import { firstConvolution, type HostTensor, patchGrid, patchPixels, type ViTConfig, VitrineError } from "@vitrine/core"
import {
  attentionDistance,
  attentionFigure,
  type AttentionMap,
  attentionMap,
  attentionRollout,
  confusionFigure,
  confusionMatrix,
  curveFigure,
  distanceFigure,
  featureColors,
  featuresFigure,
  type FigureStyle,
  filterComponents,
  filtersFigure,
  type Grid,
  headsFigure,
  learningCurve,
  nearestPatches,
  neighborsFigure,
  type Place,
  positionsFigure,
  positionSimilarity,
  curveScores,
  type Query,
  rolloutFigure,
} from "@vitrine/interpret"
import { evaluate, type Image, type ImageInput, isBiT, type Model, onlyViT } from "vitrine"
import type { StatusLine } from "../output.ts"
import { type FigureName, figureNames } from "./figure-names.ts"
import { count, percent } from "./text.ts"

/** What the flags say of figures. */
export interface Looks {
  readonly block?: number
  readonly head?: number
  /** Who looks; a number for an object query of a detector, or a character of a reader. */
  readonly query?: Query | number
  readonly theme: NonNullable<FigureStyle["theme"]>
  readonly data?: string
}

export interface Drawn {
  readonly figure: FigureName
  /** The name of its file, without an ending. */
  readonly file: string
  /** In one line. */
  readonly shows: string
  readonly data: unknown
  readonly svg: () => string
}

export interface FiguresOptions {
  readonly images: readonly { readonly file: string; readonly image: Image }[]
  /** All that can be drawn if it is empty. */
  readonly wanted: readonly FigureName[]
  /** Whether a figure that cannot be drawn is an error, else it is left out. */
  readonly strict: boolean
  readonly looks: Looks
  readonly status: StatusLine
}

/** Draws the figures of a model one by one; what is left out says why. */
export type Figures = (
  options: FiguresOptions,
) => AsyncGenerator<Drawn | { readonly figure: FigureName; readonly left: string }>

interface ModelFigures extends FiguresOptions {
  readonly path: string
  readonly model: Model<ImageInput>
}

const ofImages: readonly FigureName[] = ["distance", "attention", "rollout", "features", "neighbors"]
const ofRuns: readonly FigureName[] = ["curve", "confusion"]
/** Those that show what a ResNet has too. */
const ofResNets: readonly FigureName[] = ["filters", "features", ...ofRuns]
/** How many images a figure shows at most. */
export const mostImages = 12

/** The name of a figure's file, with a number where there are several. */
export const numbered = (figure: FigureName, index: number, count: number): string =>
  count === 1 ? figure : `${figure}-${index + 1}`

/** The figures of an image classifier. */
export async function* figures(options: ModelFigures): ReturnType<Figures> {
  const { model, images, strict, looks, status } = options
  const known = figureNames.filter((name) => !isBiT(model.config) || ofResNets.includes(name))
  const byDefault = images.length > 0 ? known.filter((name) => !ofRuns.includes(name)) : known
  const wanted = options.wanted.length > 0 ? options.wanted : byDefault
  const needsImages = wanted.filter((name) => ofImages.includes(name))
  if (images.length === 0 && strict && needsImages.length > 0)
    throw new VitrineError("config", `the figure ${needsImages[0]} needs images: name some after the model`)
  checkLooks(model, looks)
  if (typeof looks.query === "number")
    throw new VitrineError("config", "--query: give class, mean, or row and column of a patch as in 3,5")
  const look = (): Promise<Features> =>
    isBiT(model.config) ? pooledFeatures(options) : lookedAt(options, model.config)
  const looked = images.length > 0 && needsImages.length > 0 ? await look() : undefined
  for (const figure of wanted) {
    if (looked === undefined && ofImages.includes(figure)) {
      if (options.wanted.length > 0) yield { figure, left: "it needs images" }
      continue
    }
    status.update(`drawing ${figure}`)
    try {
      if (!ofResNets.includes(figure)) onlyViT(model.config, `the figure ${figure}`)
      if (figure === "features") yield drawnFeatures(looked as Features, options)
      else if (ofImages.includes(figure)) yield* drawnOfImages(figure, options, looked as Looked)
      else yield await drawnOfModel(figure, options)
    } catch (error) {
      if (strict || !(VitrineError.isInstance(error) && error.kind === "config")) throw error
      yield { figure, left: error.message }
    }
  }
  status.clear()
}

function checkLooks({ config }: Model<ImageInput>, { block, head }: Looks): void {
  const check = (what: string, n: number | undefined, end: number): void => {
    if (n !== undefined && n >= end)
      throw new VitrineError("config", `the model has no ${what} ${n}: there are ${end}, from 0`)
  }
  if (block === undefined && head === undefined) return
  const { depth, heads } = onlyViT(config, block === undefined ? "--head" : "--block")
  check("block", block, depth)
  check("head", head, heads)
}

const gridOf = (config: ViTConfig): Grid => {
  const [rows, columns] = patchGrid(config)
  return { rows, columns }
}

async function drawnOfModel(figure: FigureName, { path, model, looks }: ModelFigures): Promise<Drawn> {
  const style = { theme: looks.theme }
  switch (figure) {
    case "filters": {
      const { config } = model
      const name = `${isBiT(config) ? "stem.conv" : firstConvolution(config)}.weight`
      const { [name]: weight } = await model.parameters([name])
      const data = filterComponents(weight as HostTensor)
      const embeds = !isBiT(config) && config.stem === null
      const shows = `the first ${data.count} principal components of the filters that ${embeds ? "embed the patches" : "read the image"}`
      return { figure, file: figure, shows, data, svg: () => filtersFigure(data, style) }
    }
    case "positions": {
      const config = onlyViT(model.config, "the figure positions")
      if (config.positions === "none") throw new VitrineError("config", "the model has no position embeddings")
      const { pos_embed: table } = await model.parameters(["pos_embed"])
      const data = positionSimilarity(table as HostTensor, gridOf(config))
      const shows = "how alike the position embeddings of patches are"
      return { figure, file: figure, shows, data, svg: () => positionsFigure(data, style) }
    }
    case "curve": {
      return drawnCurve(path, looks)
    }
    default: {
      const { confusion, labels, examples } = await evaluate(path, { data: looks.data, backend: model.backend })
      const data = confusionMatrix(confusion, labels)
      const shows = `what ${count(examples)} validation images are taken for, class by class`
      return { figure, file: "confusion", shows, data, svg: () => confusionFigure(data, style) }
    }
  }
}

/** The learning curve of a run. */
export async function drawnCurve(path: string, { theme }: Looks): Promise<Drawn> {
  const data = learningCurve(await readMetrics(join(path, "metrics.jsonl")))
  if (data.steps.length === 0)
    throw new VitrineError("config", `${path} is no run folder: it has no steps in metrics.jsonl`)
  const shows = `loss, ${curveScores[data.measure]} and learning rate over the steps of training`
  return { figure: "curve", file: "curve", shows, data, svg: () => curveFigure(data, { theme, title: basename(path) }) }
}

/** The features of images, place by place. */
interface Features {
  readonly grid: Grid
  readonly images: readonly Seen[]
  readonly features: readonly HostTensor[]
}

/** What the figures of attention need besides. */
interface Looked extends Features {
  readonly images: readonly Attended[]
  /** In pixels, `[depth][heads]`, over all images. */
  readonly distances: readonly Float64Array[]
  readonly query: Query
}

interface Seen {
  readonly image: Image
  readonly name: string
  /** Its name, and what the model says that it is. */
  readonly caption: string
}

interface Attended extends Seen {
  /** `[depth][heads]`. */
  readonly heads: readonly (readonly AttentionMap[])[]
  readonly mean: readonly AttentionMap[]
  readonly rollout: AttentionMap
}

/** What the head of a ResNet averages. */
async function pooledFeatures({ model, images, status }: ModelFigures): Promise<Features> {
  const kept: Seen[] = []
  const rows: HostTensor[] = []
  let grid: Grid = { rows: 1, columns: 1 }
  for (const { file, image } of images.slice(0, mostImages)) {
    status.update(`looking at ${basename(file)}`)
    const { norm } = (await model.inspect(image, ["norm"])) as { norm: HostTensor }
    const [batch = 1, height = 1, width = 1, channels = 1] = norm.shape
    grid = { rows: height, columns: width }
    rows.push({ ...norm, shape: [batch, height * width, channels] })
    kept.push(await seen(model, file, image))
  }
  return { grid, images: kept, features: rows }
}

/** An image as the model sees it, and what it says that it is. */
async function seen(model: Model<ImageInput>, file: string, image: ImageInput): Promise<Seen> {
  const [best] = model.config.classes > 0 ? await model.predict(image, { top: 1 }) : []
  return {
    image: await model.view(image),
    name: basename(file),
    caption: `${basename(file)}${best === undefined ? "" : ` · ${best.label} (${percent(best.probability, 0)})`}`,
  }
}

async function lookedAt({ model, images, looks, status }: ModelFigures, config: ViTConfig): Promise<Looked> {
  const { depth, heads, pool } = config
  const patchSize = patchPixels(config)
  const grid = gridOf(config)
  const query = (looks.query as Query | undefined) ?? (pool.startsWith("token") ? "class" : "mean")
  const blocks = Array.from({ length: depth }, (_, i) => `blocks.${i}.attn.weights`)
  const features = looks.block === undefined ? `blocks.${depth - 1}` : `blocks.${looks.block}`
  const distances = blocks.map(() => new Float64Array(heads))
  const kept: Attended[] = []
  const rows: HostTensor[] = []
  for (const [i, { file, image }] of images.entries()) {
    status.update(`looking at ${basename(file)} (${i + 1} of ${images.length})`)
    const taps = await model.inspect(image, [...blocks, features])
    const weights = blocks.map((name) => taps[name] as HostTensor)
    for (const [block, of] of weights.entries()) {
      const sums = distances[block] as Float64Array
      for (const [head, pixels] of attentionDistance(of, { grid, patchSize }).entries())
        sums[head] = (sums[head] as number) + pixels / images.length
    }
    if (kept.length === mostImages) continue
    rows.push(taps[features] as HostTensor)
    kept.push({
      ...(await seen(model, file, image)),
      heads: weights.map((of) => Array.from({ length: heads }, (_, head) => attentionMap(of, { grid, head, query }))),
      mean: weights.map((of) => attentionMap(of, { grid, query })),
      rollout: attentionRollout(weights, { grid, query }),
    })
  }
  return { grid, images: kept, distances, features: rows, query }
}

function drawnFeatures({ grid, images, features }: Features, { looks }: FiguresOptions): Drawn {
  const data = featureColors(features, grid)
  const shows = "the features of each place as colours: alike features are alike in colour, across images"
  return {
    figure: "features",
    file: "features",
    shows,
    data,
    svg: () => featuresFigure(images, data, { theme: looks.theme }),
  }
}

function drawnOfImages(figure: FigureName, { looks, images: all }: FiguresOptions, looked: Looked): Drawn[] {
  const { grid, images, distances, features, query } = looked
  const style = { theme: looks.theme }
  const from = nameOf(query)
  const depth = distances.length
  switch (figure) {
    case "distance": {
      const shows = "how far each head looks, by depth, in pixels"
      const svg = (): string => distanceFigure(distances, { ...style, images: all.length })
      return [{ figure, file: figure, shows, data: { distances }, svg }]
    }
    case "attention":
      return images.map((seen, i) => {
        const file = numbered(figure, i, images.length)
        const { block, head } = looks
        if (block === undefined && head === undefined)
          return {
            figure,
            file,
            shows: `where ${from} looks in ${seen.name}, in every block and head`,
            data: { grid, query, maps: seen.heads },
            svg: () => headsFigure(seen, seen.heads, { ...style, from }),
          }
        const maps =
          block === undefined
            ? seen.heads.map((row, b) => ({ map: row[head as number] as AttentionMap, caption: `block ${b}` }))
            : head === undefined
              ? [
                  { map: seen.mean[block] as AttentionMap, caption: "mean of heads" },
                  ...(seen.heads[block] ?? []).map((map, h) => ({ map, caption: `head ${h}` })),
                ]
              : [{ map: seen.heads[block]?.[head] as AttentionMap, caption: `block ${block}, head ${head}` }]
        const where = [block === undefined ? "every block" : `block ${block}`, head === undefined ? [] : `head ${head}`]
        return {
          figure,
          file,
          shows: `where ${from} looks in ${seen.name}, in ${where.flat().join(", ")}`,
          data: { grid, query, maps },
          svg: () => attentionFigure(seen, maps, { ...style, from, at: where.flat().join(", ") }),
        }
      })
    case "rollout": {
      const shown = images.map(({ rollout: map, ...seen }) => ({ ...seen, map }))
      const shows = `what ${from} draws from each patch through all ${depth} blocks`
      const data = { grid, query, maps: shown.map(({ map }) => map) }
      return [{ figure, file: figure, shows, data, svg: () => rolloutFigure(shown, { ...style, from }) }]
    }
    default: {
      const places = typeof query === "object" ? [query] : undefined
      const queries = images
        .slice(0, 6)
        .map(({ rollout }, image) => ({ image, ...(places?.[0] ?? strongest(rollout)) }))
      const data = queries.map((own) => ({
        query: own,
        neighbors: nearestPatches(features, grid, own, { count: 8, otherImages: images.length > 1 }),
      }))
      const shows =
        images.length > 1
          ? "patches, and those of other images whose features are most like theirs"
          : "a patch, and those whose features are most like its own"
      const svg = (): string =>
        neighborsFigure(
          images.map(({ image }) => image),
          grid,
          data,
          style,
        )
      return [{ figure: "neighbors", file: "neighbors", shows, data, svg }]
    }
  }
}

const nameOf = (query: Query): string =>
  query === "class" ? "the class token" : query === "mean" ? "the average patch" : `patch ${query.row},${query.column}`

/** Where a map is largest. */
function strongest({ grid, values }: AttentionMap): Place {
  const at = values.reduce((best, x, i) => (x > (values[best] as number) ? i : best), 0)
  return { row: Math.floor(at / grid.columns), column: at % grid.columns }
}
