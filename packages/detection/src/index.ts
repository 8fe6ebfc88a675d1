export { boxAreas, boxIou, generalizedBoxIou, toCenters, toCorners } from "./boxes/boxes.ts"
export type { AnnotatedImage } from "./data/annotations.ts"
export type { DetectionBatch, Target } from "./data/batch.ts"
export { type Coco, parseCoco } from "./data/coco.ts"
export type { AnnotatedSource, DetectionDataset, DetectionSource, ScenesSource } from "./data/dataset.ts"
export type { Faults } from "./data/faults.ts"
export { createDetectionLoader, type DetectionLoaderOptions } from "./data/loader.ts"
export type { Detections, Objects } from "./data/objects.ts"
export { openDetectionInMemory } from "./data/open.ts"
export { sceneClasses, scenes } from "./data/scenes.ts"
export {
  transformExample,
  detectionEvaluation,
  detectionTraining,
  type DetectionTransform,
  detectionTransforms,
  type Either,
  type Example,
  type Flip,
  type ResizeShortest,
  shortestSize,
  sizeAfter,
  type SizeCrop,
} from "./data/transforms.ts"
export { type Assignment, assignment } from "./match/assign.ts"
export { type AveragePrecision, averagePrecision } from "./metrics/average-precision.ts"
export { type Backbone, backboneImageSize, backboneName, backbones } from "./model/backbones.ts"
export { type DetrConfig, detrChannels, detrConfig, detrFields, featureGrid } from "./model/config.ts"
export { type DetrOutputs, detr, type PaddingTensors } from "./model/detr.ts"
export {
  type DetectionLosses,
  detectionLossDefaults,
  detectionLossFields,
  type DetectionLossOptions,
  detectionLosses,
  targetInputs,
  type TargetTensors,
} from "./model/losses.ts"
export { backbonePrefix, detrParameters, initializeDetr } from "./model/parameters.ts"
export { type FeaturePadding, featurePadding, sinePositions } from "./model/positions.ts"
export {
  type MatchedTargets,
  matchedTargets,
  type MatchingCosts,
  matchingDefaults,
  matchingFields,
} from "./model/targets.ts"
export { type QueryDetections, queryDetections } from "./model/detections.ts"
export {
  detectionObjective,
  type DetectionEvaluation,
  type DetectionObjectiveOptions,
  lastLayer,
} from "./model/objective.ts"
