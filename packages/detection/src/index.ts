export { boxAreas, boxIou, generalizedBoxIou, toCenters, toCorners } from "./boxes/boxes.ts"
export { type Assignment, assign } from "./match/assign.ts"
export type { Detections, Objects } from "./data/objects.ts"
export { type AveragePrecision, averagePrecision } from "./metrics/average-precision.ts"
