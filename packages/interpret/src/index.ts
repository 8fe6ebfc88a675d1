export {
  type AttentionMap,
  type AttentionOptions,
  attentionDistance,
  attentionMap,
  attentionRollout,
  type Query,
} from "./attention.ts"
export { type Confusion, confusionMatrix } from "./confusion.ts"
export { type Curve, learningCurve, type Metrics } from "./curve.ts"
export { type FeatureColors, featureColors, type Neighbor, nearestPatches, type PatchOfImage } from "./features.ts"
export { type FilterComponents, filterComponents } from "./filters.ts"
export type { Grid, PatchMap, Place } from "./grid.ts"
export { type PrincipalComponents, principalComponents } from "./pca.ts"
export { type PositionSimilarity, positionSimilarity } from "./positions.ts"
