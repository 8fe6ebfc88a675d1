/**
 * The figures of a model and of its run, in the order of `vitrine inspect`.
 * - `shows`: what the figure shows, in a few words
 * - `needs`: the input of the figure besides the model's parameters
 * - `data`, `svg`: the functions of this package that compute and draw it
 * - `from`: the input of `data`
 * - `source`: the paper and its figure
 */
export const figureTable = [
  {
    name: "filters",
    shows: "the patterns that the first convolution looks for",
    needs: [],
    data: "filterComponents",
    from: "`patch_embed.proj.weight`",
    svg: ["filtersFigure"],
    source: "ViT, 7 left",
  },
  {
    name: "positions",
    shows: "how similar the position embeddings of patches are",
    needs: ["patches"],
    data: "positionSimilarity",
    from: "`pos_embed`",
    svg: ["positionsFigure"],
    source: "ViT, 7 centre",
  },
  {
    name: "distance",
    shows: "how far each head looks, by depth",
    needs: ["images", "attention", "patches"],
    data: "attentionDistance",
    from: "each `blocks.I.attn.weights`",
    svg: ["distanceFigure"],
    source: "ViT, 7 right and 11",
  },
  {
    name: "attention",
    shows: "where each head looks, or each query of a detector or reader",
    needs: ["images", "attention"],
    data: "attentionMap",
    from: "one `blocks.I.attn.weights`",
    svg: ["attentionFigure", "headsFigure"],
    source: "DINO, 1 and 3",
  },
  {
    name: "rollout",
    shows: "which patches the answer draws from, through all blocks",
    needs: ["images", "attention", "patches"],
    data: "attentionRollout",
    from: "all `blocks.I.attn.weights`",
    svg: ["rolloutFigure"],
    source: "ViT, 6 and 14 (Abnar & Zuidema, 2020)",
  },
  {
    name: "features",
    shows: "the features of each place as colours",
    needs: ["images"],
    data: "featureColors",
    from: "`blocks.I` or `norm` of each image",
    svg: ["featuresFigure"],
    source: "DINOv2, 1",
  },
  {
    name: "neighbors",
    shows: "patches and those with the most similar features",
    needs: ["images", "attention", "patches"],
    data: "nearestPatches",
    from: "`blocks.I` or `norm` of each image",
    svg: ["neighborsFigure"],
    source: "Amir et al., 2021, 1",
  },
  {
    name: "curve",
    shows: "loss, score and learning rate over the steps of training",
    needs: ["run"],
    data: "learningCurve",
    from: "`metrics.jsonl`, or events of `train`",
    svg: ["curveFigure"],
    source: "",
  },
  {
    name: "confusion",
    shows: "which classes are taken for which",
    needs: ["run"],
    data: "confusionMatrix",
    from: "`evaluate`",
    svg: ["confusionFigure"],
    source: "",
  },
] as const

/** The names of the figures. */
export type FigureName = (typeof figureTable)[number]["name"]

/**
 * An input of a figure (images, or the run that trained the model) or an ability that only some models have (attention
 * weights, or patches as tokens).
 */
export type FigureNeed = "images" | "run" | "attention" | "patches"

/** All figures, in the order of the help. */
export const figureNames: readonly FigureName[] = figureTable.map(({ name }) => name)

/** The needs of each figure. */
export const figureNeeds: ReadonlyMap<FigureName, readonly FigureNeed[]> = new Map(
  figureTable.map(({ name, needs }) => [name, needs]),
)
