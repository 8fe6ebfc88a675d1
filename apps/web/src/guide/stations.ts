import type { StationId, StepId } from "../strings/guide-texts.ts"

/** The parts of a Vision Transformer, in the order of computation. */
export const stationIds: readonly StationId[] = ["image", "patches", "tokens", "attention", "mlp", "class"]

/** The steps about a station. The overview leads to the first. */
export const stations: Readonly<Record<StationId, readonly [StepId, ...StepId[]]>> = {
  image: ["image", "data", "label"],
  patches: ["patches", "flatten"],
  tokens: ["input", "embed", "embedAll", "classToken", "positions"],
  attention: ["qkv", "scores", "softmax", "row", "rows", "heads", "project", "residual"],
  mlp: ["mlp", "norm", "residual2", "repeat"],
  class: ["predict", "readout", "loss"],
}

/** The station that a step is about, or null beyond the model. */
export const stationOf = (step: StepId): StationId | null =>
  stationIds.find((id) => stations[id].includes(step)) ?? null
