/** Detectors in a page: loading, training and measuring. */
export type { DetectionEvaluation } from "@vitrine/detection"
export type { Detector, DetectorInspection } from "./tasks/detect/detector.ts"
export type { DetectionRecipe } from "./tasks/detect/recipe-type.ts"
export type { DetectionSetupEvent } from "./tasks/detect/train.ts"
export type { DetectorFigures } from "./tasks/detect/evaluate.ts"
export { evaluateDetector, type EvaluateDetectorOptions } from "./tasks/detect/web/evaluate.ts"
export { loadDetector } from "./tasks/detect/web/load.ts"
export { trainDetector, type TrainDetectorOptions } from "./tasks/detect/web/train.ts"
