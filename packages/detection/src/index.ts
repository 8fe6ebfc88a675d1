export { boxAreas, boxIou, generalizedBoxIou, toCenters, toCorners } from "./boxes/boxes.ts"
export { type Assignment, assign } from "./match/assign.ts"
export type { Detections, Objects } from "./data/objects.ts"
export { type AveragePrecision, averagePrecision } from "./metrics/average-precision.ts"
export { type Backbone, type DetrConfig, detrChannels, detrConfig, featureGrid } from "./model/config.ts"
export { type Detected, detr, type PaddingTensors } from "./model/detr.ts"
export {
  type DetectionLosses,
  detectionLossDefaults,
  type DetectionLossOptions,
  detectionLosses,
  targetInputs,
  type TargetTensors,
} from "./model/losses.ts"
export { backbonePrefix, detrParameters, initializeDetr } from "./model/parameters.ts"
export { type FeaturePadding, featurePadding, sinePositions } from "./model/positions.ts"
export {
  type DetectionTarget,
  type MatchedTargets,
  matchedTargets,
  type MatchingCosts,
  matchingDefaults,
} from "./model/targets.ts"
