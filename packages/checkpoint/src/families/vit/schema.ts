import {
  activationNames,
  blockKinds,
  channelPairs,
  norms,
  pools,
  positionKinds,
  preLogitsActivations,
  rotaryAxes,
  rotaryFrequencies,
  rowNames,
  stemNumerics,
  stemRanges,
  stemRoots,
  type ViTConfig,
  vitRanges,
} from "@vitrine/core"
import { exactOptional as field, lazy, nullable } from "valibot"
import { isObject } from "../../json.ts"
import { flag, integer, listOf, number, oneOf, only, type Schema, sides } from "../../schema.ts"

const stem = only("a stem", {
  root: field(oneOf(stemRoots)),
  width: integer(stemRanges.width),
  depths: listOf(integer(stemRanges.depths)),
  groups: integer(stemRanges.groups),
  numerics: oneOf(stemNumerics),
})

const preLogits = only("a hidden layer", {
  dim: integer(vitRanges.dim),
  activation: oneOf(rowNames(preLogitsActivations)),
})

const rotary = only("rotary positions", {
  kind: oneOf(["rotary"]),
  pairs: oneOf(channelPairs),
  axes: oneOf(rotaryAxes),
  centres: flag,
  offset: number,
  reference: nullable(sides(vitRanges.imageSize)),
  frequencies: oneOf(rotaryFrequencies),
  temperature: number,
  table: flag,
})

/** The name of a kind of positions, or an object for rotary positions. */
const positions: Schema<ViTConfig["positions"]> = lazy((value) => (isObject(value) ? rotary : oneOf(positionKinds)))

const mapPool = only("a pool", { heads: integer(vitRanges.heads), mlpDim: integer(vitRanges.mlpDim) })

const entries = {
  family: field(oneOf(["vit"])),
  imageSize: field(sides(vitRanges.imageSize)),
  patchSize: field(sides(vitRanges.patchSize)),
  stem: field(nullable(stem)),
  channels: field(integer(vitRanges.channels)),
  dim: field(integer(vitRanges.dim)),
  depth: field(integer(vitRanges.depth)),
  heads: field(integer(vitRanges.heads)),
  mlpDim: field(integer(vitRanges.mlpDim)),
  blockKind: field(oneOf(blockKinds)),
  gatedMlp: field(flag),
  classes: field(integer(vitRanges.classes)),
  classToken: field(flag),
  distillationToken: field(flag),
  registers: field(integer(vitRanges.registers)),
  pool: field(oneOf(pools)),
  poolPrefix: field(flag),
  mapPool: field(nullable(mapPool)),
  finalNorm: field(flag),
  normAfterPool: field(flag),
  positions: field(positions),
  prefixPositions: field(flag),
  norm: field(oneOf(rowNames(norms))),
  patchNorm: field(flag),
  postNorm: field(flag),
  embeddingNorm: field(flag),
  qkvBias: field(flag),
  keyBias: field(flag),
  splitQkv: field(flag),
  splitGate: field(flag),
  attentionNorm: field(flag),
  mlpNorm: field(flag),
  projBias: field(flag),
  qkNorm: field(flag),
  layerScale: field(nullable(number)),
  activation: field(oneOf(activationNames)),
  preLogits: field(nullable(preLogits)),
  dropout: field(number),
  attentionDropout: field(number),
  stochasticDepth: field(number),
  layerNormEpsilon: field(number),
}

export const fields: readonly string[] = Object.keys(entries)

/** The check of a stored `ViTConfig`. Fields that a file lacks get the behaviour before they existed. */
export const schema: Schema<Partial<ViTConfig>> = only("a model", entries)
