/** Measuring classifiers in a page. */
export type { ModelEvaluation, ModelLabelEvaluation } from "./tasks/classify/evaluate.ts"
export { evaluate, evaluateLabels, type EvaluateOptions } from "./tasks/classify/web/evaluate.ts"
export { type Probe, type ProbeMethod, probeMethods, type ProbeResult } from "./tasks/classify/probe.ts"
export { probe, type ProbeOptions } from "./tasks/classify/web/probe.ts"
