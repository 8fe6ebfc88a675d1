export { boxAreas, boxIou, generalizedBoxIou, toCenters, toCorners } from "./boxes/boxes.ts"
export { type Assignment, assign } from "./match/assign.ts"
