/** Measuring classifiers in a page, and fitting heads to their features. */
export type { ModelEvaluation, ModelLabelEvaluation } from "./tasks/classify/evaluate.ts"
export { evaluate, evaluateLabels, type EvaluateOptions } from "./tasks/classify/web/evaluate.ts"
export { type Probe, type ProbeMethod, probeMethods, type ProbeResult } from "./tasks/classify/probe.ts"
export { probe, type ProbeOptions } from "./tasks/classify/web/probe.ts"
export { modelFolder, type ModelFolderFiles, withHead } from "./tasks/classify/head.ts"
export { fitHead, type HeldOut, leastGroups, type LinearHead } from "@vitrine/trainer"
