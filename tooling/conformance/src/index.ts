export { difference, expectClose, float32Tolerance, type Tolerance } from "./compare.ts"
export { caseNames, type ConformanceOptions, conformance } from "./suite.ts"
