import {
  activationNames,
  pools,
  positionKinds,
  preLogitsActivations,
  rowNames,
  stemNumerics,
  stemRanges,
  type ViTConfig,
  vitRanges,
} from "@vitrine/core"
import { exactOptional as field, nullable } from "valibot"
import { flag, integer, listOf, number, oneOf, only, type Schema, sides } from "../../schema.ts"

const stem = only("a stem", {
  width: integer(stemRanges.width),
  depths: listOf(integer(stemRanges.depths)),
  groups: integer(stemRanges.groups),
  numerics: oneOf(stemNumerics),
})

const preLogits = only("a hidden layer", {
  dim: integer(vitRanges.dim),
  activation: oneOf(rowNames(preLogitsActivations)),
})

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
  gatedMlp: field(flag),
  classes: field(integer(vitRanges.classes)),
  classToken: field(flag),
  distillationToken: field(flag),
  registers: field(integer(vitRanges.registers)),
  pool: field(oneOf(pools)),
  poolPrefix: field(flag),
  finalNorm: field(flag),
  normAfterPool: field(flag),
  positions: field(oneOf(positionKinds)),
  prefixPositions: field(flag),
  embeddingNorm: field(flag),
  qkvBias: field(flag),
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

export const schema: Schema<Partial<ViTConfig>> = only("a model", entries)
