import { patchGrid, patchPixels, positionTable, rotaryPositions, type ViTConfig, VitrineError } from "@vitrine/core"
import {
  attentionFigure,
  type AttentionMap,
  type AttentionMapStyle,
  confusionFigure,
  confusionMatrix,
  distanceFigure,
  featureColors,
  featuresFigure,
  type FigureName,
  type FigureNeed,
  figureNames,
  filterComponents,
  filtersFigure,
  type Grid,
  headsFigure,
  nearestPatches,
  neighborsFigure,
  type Place,
  positionsFigure,
  positionSimilarity,
  type Query,
  rolloutFigure,
} from "@vitrine/interpret"
import { attentionConfig, evaluate, familyOf, type ImageInput, type Model, type ModelConfig } from "vitrine"
import {
  canDraw,
  checkNumbers,
  chosenFigures,
  type DrawnFigure,
  drawCurve,
  drawFigures,
  entryOf,
  type FigureDrawers,
  type FigureFlags,
  type Figures,
  type FiguresOptions,
  numbered,
  usesImages,
} from "../../show/figures.ts"
import { count } from "../../show/text.ts"
import {
  type AttentionObservation,
  type FeatureObservation,
  observeAttention,
  observeFeatures,
  type PictureAttention,
} from "./observation.ts"

interface ClassifierOptions extends FiguresOptions {
  readonly path: string
  readonly model: Model<ImageInput>
  /** `data` names the images of the confusion matrix. */
  readonly flags: FigureFlags & { readonly data?: string }
}

/** A classifier with the data of its figures. */
interface Subject extends ClassifierOptions {
  /** The features of the images, or undefined if no figure needs images. */
  readonly features: FeatureObservation | undefined
  /** The attention to the images, or undefined if no figure needs images or the model has no attention. */
  readonly attention: AttentionObservation | undefined
}

/** The abilities of a model that figures need. */
const abilitiesOf = (config: ModelConfig): readonly FigureNeed[] =>
  familyOf(config).attention(config) === null ? [] : ["attention", "patches"]

const drawers: Required<FigureDrawers<Subject>> = {
  filters: drawFilters,
  positions: drawPositions,
  distance: drawDistance,
  attention: drawAttention,
  rollout: drawRollout,
  features: drawFeatures,
  neighbors: drawNeighbors,
  curve: drawCurve,
  confusion: drawConfusion,
}

/** The figures of an image classifier. */
export async function* classifierFigures(options: ClassifierOptions): Figures {
  const { config } = options.model
  const { block, head, query } = options.flags
  if (block !== undefined || head !== undefined) {
    const { depth, heads } = attentionConfig(config, block === undefined ? "--head" : "--block")
    checkNumbers("model", { block: [block, depth], head: [head, heads] })
  }
  if (typeof query === "number")
    throw new VitrineError("config", "--query: give class, mean, or row and column of a patch as in 3,5")
  const abilities = abilitiesOf(config)
  const available = figureNames.filter((figure) => canDraw(figure, abilities))
  const figures = chosenFigures(available, options)
  const subject = { ...options, ...(usesImages(figures, options) ? await observe(options, query) : nothing) }
  yield* drawFigures(figures, drawers, subject, "classifier", options)
}

const nothing = { features: undefined, attention: undefined }

/** Runs the model on the images. */
async function observe(
  options: ClassifierOptions,
  query: Query | undefined,
): Promise<Pick<Subject, "features" | "attention">> {
  const { config } = options.model
  if (!abilitiesOf(config).includes("attention"))
    return { features: await observeFeatures(options), attention: undefined }
  const vit = attentionConfig(config, "attention")
  const { depth, heads, pool } = vit
  const layout = { grid: gridOf(vit), patchSize: patchPixels(vit), depth, heads }
  const pooled = pool.startsWith("token") ? "class" : "mean"
  const attention = await observeAttention(options, layout, query ?? pooled, options.flags.block)
  return { features: attention, attention }
}

function gridOf(config: ViTConfig): Grid {
  const [rows, columns] = patchGrid(config)
  return { rows, columns }
}

/** @throws VitrineError (config) for a model without attention */
function attentionOf({ model, attention }: Subject, figure: FigureName): AttentionObservation {
  attentionConfig(model.config, `the figure ${figure}`)
  if (attention === undefined) throw new VitrineError("config", `the figure ${figure} needs images`)
  return attention
}

async function* drawFilters({ model, flags: { theme } }: Subject): AsyncGenerator<DrawnFigure> {
  const { config } = model
  const family = familyOf(config)
  const name = `${family.firstConvolution(config)}.weight`
  const data = filterComponents(entryOf(await model.parameters([name]), name))
  const embeds = family.attention(config)?.stem === null
  yield {
    figure: "filters",
    file: "filters",
    shows: `the first ${data.count} principal components of the filters that ${embeds ? "embed the patches" : "read the image"}`,
    data,
    svg: () => filtersFigure(data, { theme }),
  }
}

async function* drawPositions({ model, flags: { theme } }: Subject): AsyncGenerator<DrawnFigure> {
  const config = attentionConfig(model.config, "the figure positions")
  if (positionTable(config) === null)
    throw new VitrineError(
      "config",
      `the figure positions needs a table of positions, and the model has ${rotaryPositions(config) === null ? "none" : "rotary positions alone"}`,
    )
  const data = positionSimilarity(entryOf(await model.parameters(["pos_embed"]), "pos_embed"), gridOf(config))
  yield {
    figure: "positions",
    file: "positions",
    shows: "how similar the position embeddings of patches are",
    data,
    svg: () => positionsFigure(data, { theme }),
  }
}

async function* drawDistance(subject: Subject): AsyncGenerator<DrawnFigure> {
  const { distances } = attentionOf(subject, "distance")
  const { images, flags } = subject
  yield {
    figure: "distance",
    file: "distance",
    shows: "how far each head looks, by depth, in pixels",
    data: { distances },
    svg: () => distanceFigure(distances, { theme: flags.theme, images: images.length }),
  }
}

async function* drawAttention(subject: Subject): AsyncGenerator<DrawnFigure> {
  const { grid, pictures, query } = attentionOf(subject, "attention")
  const { block, head, theme } = subject.flags
  const from = queryName(query)
  for (const [i, picture] of pictures.entries()) {
    const maps = block === undefined && head === undefined ? picture.heads : someMaps(picture, block, head)
    const at = [
      block === undefined ? (head === undefined ? "every block and head" : "every block") : `block ${block}`,
      ...(head === undefined ? [] : [`head ${head}`]),
    ].join(", ")
    yield {
      figure: "attention",
      file: numbered("attention", i, pictures.length),
      shows: `where ${from} looks in ${picture.name}, in ${at}`,
      data: { grid, query, maps },
      svg: () =>
        block === undefined && head === undefined
          ? headsFigure(picture, picture.heads, { theme, from })
          : attentionFigure(picture, someMaps(picture, block, head), { theme, from, at }),
    }
  }
}

/** The maps of all heads in a block, of one head in all blocks, or of one head in one block. */
function someMaps(
  { heads, mean }: PictureAttention,
  block: number | undefined,
  head: number | undefined,
): AttentionMapStyle[] {
  const blocks = heads.map((maps, i) => ({ block: i, maps, mean: mean.slice(i, i + 1) }))
  const ofHead = blocks.flatMap((each) =>
    each.maps.map((map, h) => ({ block: each.block, head: h, map })).filter((each) => each.head === head),
  )
  if (block === undefined) return ofHead.map((each) => ({ map: each.map, caption: `block ${each.block}` }))
  if (head === undefined)
    return blocks
      .filter((each) => each.block === block)
      .flatMap((each) => [
        ...each.mean.map((map) => ({ map, caption: "mean of heads" })),
        ...each.maps.map((map, h) => ({ map, caption: `head ${h}` })),
      ])
  return ofHead
    .filter((each) => each.block === block)
    .map(({ map }) => ({ map, caption: `block ${block}, head ${head}` }))
}

async function* drawRollout(subject: Subject): AsyncGenerator<DrawnFigure> {
  const { grid, pictures, query, distances } = attentionOf(subject, "rollout")
  const from = queryName(query)
  const mapped = pictures.map(({ rollout, ...picture }) => ({ ...picture, map: rollout }))
  yield {
    figure: "rollout",
    file: "rollout",
    shows: `what ${from} draws from each patch through all ${distances.length} blocks`,
    data: { grid, query, maps: mapped.map(({ map }) => map) },
    svg: () => rolloutFigure(mapped, { theme: subject.flags.theme, from }),
  }
}

async function* drawFeatures({ features: observation, flags: { theme } }: Subject): AsyncGenerator<DrawnFigure> {
  if (observation === undefined) throw new VitrineError("config", "the figure features needs images")
  const { grid, pictures, features } = observation
  const data = featureColors(features, grid)
  yield {
    figure: "features",
    file: "features",
    shows: "the features of each place as colours: similar features have similar colours, across images",
    data,
    svg: () => featuresFigure(pictures, data, { theme }),
  }
}

async function* drawNeighbors(subject: Subject): AsyncGenerator<DrawnFigure> {
  const { grid, pictures, query, features } = attentionOf(subject, "neighbors")
  const several = pictures.length > 1
  const data = pictures.slice(0, 6).map(({ rollout }, image) => {
    const patch = { image, ...(typeof query === "object" ? query : strongest(rollout)) }
    return { query: patch, neighbors: nearestPatches(features, grid, patch, { count: 8, otherImages: several }) }
  })
  const images = pictures.map(({ image }) => image)
  yield {
    figure: "neighbors",
    file: "neighbors",
    shows: several
      ? "patches, and those of other images with the most similar features"
      : "a patch, and those with the most similar features",
    data,
    svg: () => neighborsFigure(images, grid, data, { theme: subject.flags.theme }),
  }
}

async function* drawConfusion({ path, model, flags: { data: source, theme } }: Subject): AsyncGenerator<DrawnFigure> {
  const { confusion, labels, examples } = await evaluate(path, { data: source, backend: model.backend })
  const data = confusionMatrix(confusion, labels)
  yield {
    figure: "confusion",
    file: "confusion",
    shows: `the predicted classes of ${count(examples)} validation images, class by class`,
    data,
    svg: () => confusionFigure(data, { theme }),
  }
}

const queryName = (query: Query): string =>
  query === "class" ? "the class token" : query === "mean" ? "the average patch" : `patch ${query.row},${query.column}`

/** The place of a map's largest value. */
function strongest({ grid, values }: AttentionMap): Place {
  const at = values.indexOf(values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY))
  return { row: Math.floor(at / grid.columns), column: at % grid.columns }
}
