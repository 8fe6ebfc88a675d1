/** Detectors in a page: loading and training. */
export type { DetectionEvaluation } from "@vitrine/detection"
export type { Detector, DetectorInspection } from "./tasks/detect/detector.ts"
export type { DetectionRecipe } from "./tasks/detect/recipe-type.ts"
export type { DetectionSetupEvent } from "./tasks/detect/train.ts"
export { loadDetector } from "./tasks/detect/web/load.ts"
export { trainDetector, type TrainDetectorOptions } from "./tasks/detect/web/train.ts"
