import { VitrineError } from "../errors.ts"
import { showValue } from "../fields.ts"
import { activationNames, preLogitsActivations } from "../nn/activations.ts"
import { rowNames } from "../tables.ts"
import { norms } from "../nn/layers.ts"
import { channelPairs } from "../nn/rotary.ts"
import {
  blockKinds,
  pools,
  positionKinds,
  rotaryAxes,
  rotaryFrequencies,
  stemNumerics,
  stemRanges,
  stemRoots,
  vitFlags,
  type ViTConfig,
  vitRanges,
} from "./config.ts"
import { cutSize } from "./geometry.ts"

const maxTokens = 1 << 20

/** @throws VitrineError (config) for an impossible configuration */
export function checkConfig(config: ViTConfig): void {
  const fail = (message: string): never => {
    throw new VitrineError("config", message)
  }
  const count = (field: string, value: unknown, [least, most]: readonly [number, number]): void => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most)
      fail(`${field} must be an integer from ${least} to ${most}, got ${showValue(value)}`)
  }
  const oneOf = (field: string, value: unknown, allowed: readonly unknown[]): void => {
    if (!allowed.includes(value)) fail(`${field} must be one of ${allowed.join(", ")}, got ${showValue(value)}`)
  }
  for (const field of ["imageSize", "patchSize"] as const) {
    const pair = config[field]
    if (!Array.isArray(pair) || pair.length !== 2) fail(`${field} must be [height, width], got ${showValue(pair)}`)
    for (const side of pair) count(field, side, vitRanges[field])
  }
  for (const field of ["channels", "dim", "depth", "heads", "mlpDim", "classes", "registers"] as const)
    count(field, config[field], vitRanges[field])
  if (config.dim % config.heads !== 0)
    fail(`heads must divide dim, but ${config.heads} heads do not divide a width of ${config.dim}`)
  const { stem } = config
  if (stem !== null) {
    if (typeof stem !== "object" || Array.isArray(stem)) fail(`stem must be an object or null, got ${showValue(stem)}`)
    if (stem.root !== undefined) oneOf("stem.root", stem.root, stemRoots)
    count("stem.width", stem.width, stemRanges.width)
    count("stem.groups", stem.groups, stemRanges.groups)
    if (!Array.isArray(stem.depths) || stem.depths.length > stemRanges.stages[1])
      fail(`stem.depths must be a list of up to ${stemRanges.stages[1]} stages, got ${showValue(stem.depths)}`)
    for (const depth of stem.depths) count("stem.depths", depth, stemRanges.depths)
    if (stem.width % stem.groups !== 0)
      fail(`stem.groups must divide stem.width, but ${stem.groups} do not divide ${stem.width}`)
    oneOf("stem.numerics", stem.numerics, stemNumerics)
  }
  const [height, width] = cutSize(config)
  const [patchHeight, patchWidth] = config.patchSize
  if (height % patchHeight !== 0 || width % patchWidth !== 0)
    fail(`patches of ${patchHeight}×${patchWidth} do not divide ${stem ? "features" : "images"} of ${height}×${width}`)
  if ((height / patchHeight) * (width / patchWidth) > maxTokens)
    fail(
      `${height}×${width} ${stem ? "features" : "images"} in ${patchHeight}×${patchWidth} patches make more than ${maxTokens} tokens`,
    )
  oneOf("pool", config.pool, pools)
  const { positions, mapPool } = config
  if (typeof positions !== "object" || positions === null) oneOf("positions", positions, positionKinds)
  else {
    oneOf("positions.kind", positions.kind, ["rotary"])
    oneOf("positions.pairs", positions.pairs, channelPairs)
    oneOf("positions.axes", positions.axes, rotaryAxes)
    oneOf("positions.frequencies", positions.frequencies, rotaryFrequencies)
    for (const field of ["centres", "table"] as const) oneOf(`positions.${field}`, positions[field], [true, false])
    const { offset, temperature, reference, frequencies } = positions
    if (!(typeof offset === "number" && Math.abs(offset) <= 1024))
      fail(`positions.offset must be from -1024 to 1024, got ${showValue(offset)}`)
    if (!(typeof temperature === "number" && temperature > 0 && Number.isFinite(temperature)))
      fail(`positions.temperature must be above 0, got ${showValue(temperature)}`)
    if (reference !== null && !(Array.isArray(reference) && reference.length === 2))
      fail(`positions.reference must be [rows, columns] or null, got ${showValue(reference)}`)
    for (const side of reference ?? []) count("positions.reference", side, vitRanges.imageSize)
    if (positions.centres && reference !== null) fail("positions.reference must be null where centres is true")
    if (frequencies === "learned" && (positions.pairs === "halves" || positions.centres || offset !== 0 || reference))
      fail("learned frequencies turn neighbours, by coordinates from 0 without a reference")
    if ((config.dim / config.heads) % 4 !== 0)
      fail(`rotary positions need heads of a multiple of 4, got ${config.dim / config.heads}`)
  }
  if (mapPool !== null) {
    if (config.pool !== "map") fail(`mapPool needs pool "map", got ${showValue(config.pool)}`)
    count("mapPool.heads", mapPool.heads, vitRanges.heads)
    count("mapPool.mlpDim", mapPool.mlpDim, vitRanges.mlpDim)
    if (config.dim % mapPool.heads !== 0)
      fail(`mapPool.heads must divide dim, but ${mapPool.heads} heads do not divide a width of ${config.dim}`)
  }
  checkBlocks(config)
  oneOf("norm", config.norm, rowNames(norms))
  oneOf("activation", config.activation, activationNames)
  oneOf("family", config.family, ["vit"])
  for (const field of vitFlags) oneOf(field, config[field], [true, false])
  if (config.pool.startsWith("token") && !config.classToken)
    fail(`pool "${config.pool}" needs a class token, but classToken is false`)
  if (config.normAfterPool && !config.finalNorm) fail("normAfterPool is true, but finalNorm is false")
  if (config.splitGate && !config.gatedMlp) fail("splitGate is true, but gatedMlp is false")
  if (config.distillationToken && (config.pool !== "token" || config.normAfterPool || config.preLogits !== null))
    fail(`a distillation token needs pool "token", the final norm before it and linear heads`)
  const { layerScale } = config
  if (!(layerScale === null || (typeof layerScale === "number" && Number.isFinite(layerScale))))
    fail(`layerScale must be a number or null, got ${showValue(layerScale)}`)
  if (positions === "sincos2d" && config.dim % 4 !== 0)
    fail(`sincos2d positions need a width divisible by 4, got ${config.dim}`)
  if (config.preLogits !== null) {
    count("preLogits.dim", config.preLogits?.dim, vitRanges.dim)
    oneOf("preLogits.activation", config.preLogits?.activation, rowNames(preLogitsActivations))
  }
  for (const field of ["dropout", "attentionDropout", "stochasticDepth"] as const)
    if (!(typeof config[field] === "number" && config[field] >= 0 && config[field] < 1))
      fail(`${field} must be in [0, 1), got ${showValue(config[field])}`)
  const { layerNormEpsilon: epsilon } = config
  if (!(typeof epsilon === "number" && epsilon > 0 && epsilon < 1))
    fail(`layerNormEpsilon must be in (0, 1), got ${showValue(epsilon)}`)
}

/** @throws VitrineError (config) if no block of this kind has these layers */
function checkBlocks(config: ViTConfig): void {
  const { blockKind, positions, gatedMlp, keyBias } = config
  if (!blockKinds.includes(blockKind))
    throw new VitrineError("config", `blockKind must be one of ${blockKinds.join(", ")}, got ${showValue(blockKind)}`)
  if (blockKind === "sequential") return
  const joint = blockKind === "joint"
  const faults = {
    "rotary positions": typeof positions === "object",
    postNorm: config.postNorm,
    gatedMlp: joint && gatedMlp,
    splitQkv: joint && config.splitQkv,
    "keyBias false": joint && !keyBias,
    attentionNorm: joint && config.attentionNorm,
    mlpNorm: joint && config.mlpNorm,
  }
  for (const [feature, isPresent] of Object.entries(faults))
    if (isPresent) throw new VitrineError("config", `blockKind "${blockKind}" has no ${feature}`)
}
