export { type FigureName, type FigureNeed, figureNames, figureNeeds, figureTable } from "./catalog.ts"
export {
  type AttentionMap,
  type AttentionMapOptions,
  attentionDistance,
  attentionMap,
  attentionRollout,
  type Query,
  queryAttention,
} from "./data/attention.ts"
export { type Confusion, confusionMatrix } from "./data/confusion.ts"
export {
  bestOf,
  type Curve,
  type CurveEvaluation,
  curveScores,
  learningCurve,
  type Point,
  smoothCurve,
} from "./data/curve.ts"
export { type FeatureColors, featureColors, type Neighbor, nearestPatches, type PatchOfImage } from "./data/features.ts"
export { type FilterComponents, filterComponents } from "./data/filters.ts"
export type { Grid, PatchMap, Place } from "./data/grid.ts"
export { type PrincipalComponents, principalComponents } from "./data/pca.ts"
export { type PositionSimilarity, positionSimilarity } from "./data/positions.ts"
export {
  type ColorMap,
  type ColorScale,
  colorTable,
  inferno,
  scaleColors,
  type ThemeName,
  viridis,
} from "./draw/colors.ts"
export { encodePng, heatmap, overlay, spotlight } from "./draw/raster.ts"
export type { FigureStyle } from "./draw/svg.ts"
export {
  attentionFigure,
  type AttentionMapStyle,
  type AttentionPicture,
  headsFigure,
  rolloutFigure,
} from "./figures/attention.ts"
export { type ComparedRun, comparisonFigure } from "./figures/comparison.ts"
export { confusionFigure } from "./figures/confusion.ts"
export { curveFigure } from "./figures/curve.ts"
export { dataSizeFigure, type SizedRun } from "./figures/data-size.ts"
export { detectionFigure, type LabelledBox } from "./figures/detection.ts"
export { distanceFigure } from "./figures/distance.ts"
export { featuresFigure, neighborsFigure, type PatchNeighbors } from "./figures/features.ts"
export { filtersFigure } from "./figures/filters.ts"
export { positionsFigure } from "./figures/positions.ts"
export { type PredictedImage, predictionsFigure } from "./figures/predictions.ts"
