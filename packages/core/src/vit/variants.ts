import { VitrineError } from "../errors.ts"
import { hasRow, rowNames } from "../tables.ts"
import { checkConfig } from "./check.ts"
import type { ViTConfig } from "./config.ts"

/** Sizes by their names: B, L and H of the paper, Ti and S of DeiT, g and G of "Scaling Vision Transformers". */
const sizes = {
  Ti: { dim: 192, depth: 12, heads: 3, mlpDim: 768 },
  S: { dim: 384, depth: 12, heads: 6, mlpDim: 1536 },
  B: { dim: 768, depth: 12, heads: 12, mlpDim: 3072 },
  L: { dim: 1024, depth: 24, heads: 16, mlpDim: 4096 },
  H: { dim: 1280, depth: 32, heads: 16, mlpDim: 5120 },
  g: { dim: 1408, depth: 40, heads: 16, mlpDim: 6144 },
  G: { dim: 1664, depth: 48, heads: 16, mlpDim: 8192 },
} as const

const defaults: ViTConfig = {
  family: "vit",
  imageSize: [224, 224],
  patchSize: [16, 16],
  stem: null,
  channels: 3,
  ...sizes.B,
  blockKind: "sequential",
  gatedMlp: false,
  classes: 1000,
  classToken: true,
  distillationToken: false,
  registers: 0,
  pool: "token",
  poolPrefix: false,
  mapPool: null,
  finalNorm: true,
  normAfterPool: false,
  positions: "learned",
  prefixPositions: true,
  norm: "layer",
  patchNorm: false,
  postNorm: false,
  embeddingNorm: false,
  qkvBias: true,
  keyBias: true,
  splitQkv: false,
  splitGate: false,
  attentionNorm: false,
  mlpNorm: false,
  projBias: true,
  qkNorm: false,
  layerScale: null,
  activation: "gelu",
  preLogits: null,
  dropout: 0,
  attentionDropout: 0,
  stochasticDepth: 0,
  layerNormEpsilon: 1e-6,
}

/**
 * Checks a configuration. Missing fields are those of ViT-B/16 at 224². As in timm, a model that pools by average or by
 * a learned query has no class token by default, and a model that pools by average norms after the pool.
 * @throws VitrineError (config) for an impossible configuration
 */
export function vitConfig(fields: Partial<ViTConfig> = {}): ViTConfig {
  const { pool = defaults.pool, finalNorm } = fields
  const classToken = pool === "token" || pool === "token+average"
  const config = { ...defaults, classToken, normAfterPool: pool === "average" && finalNorm !== false, ...fields }
  checkConfig(config)
  return config
}

/** The stems and patches of the published hybrids, by names without the size: `R50+B/16` is `R50/16`. */
const hybrids = {
  "R/16": { depths: [], patch: 8 },
  "R26/32": { depths: [2, 2, 2, 2], patch: 1 },
  "R50/16": { depths: [3, 4, 9], patch: 1 },
  "R50/32": { depths: [3, 4, 6, 3], patch: 1 },
} as const

/**
 * A published variant by its usual name, such as `vitVariant("B/16")` or `vitVariant("Ti/4", { imageSize: [32, 32] })`.
 * `vitVariant("R26+S/32")` is a hybrid with timm's ε.
 * @throws VitrineError (config) for a name that is neither SIZE/PATCH nor that of a hybrid
 */
export function vitVariant(name: string, fields: Partial<ViTConfig> = {}): ViTConfig {
  const [, resnet, size, patch] = /^(?:(R\d*)\+)?(?:ViT-)?([A-Za-z]+)\/(\d{1,4})$/.exec(name) ?? []
  if (!hasRow(sizes, size)) {
    const names = rowNames(sizes).join(", ")
    throw new VitrineError(
      "config",
      `no variant "${name}": write SIZE/PATCH, as in "B/16", with a size of ${names}, or a name of timm's, as in "vit_tiny_patch16_224"`,
    )
  }
  const shape = sizes[size]
  if (resnet === undefined) return vitConfig({ ...shape, patchSize: [Number(patch), Number(patch)], ...fields })
  const hybrid = `${resnet}/${patch}`
  if (!hasRow(hybrids, hybrid)) {
    const names = rowNames(hybrids).map((each) => `"${each.replace("/", `+${size}/`)}"`)
    throw new VitrineError("config", `no variant "${name}": hybrids are ${names.join(", ")}`)
  }
  const { depths, patch: side } = hybrids[hybrid]
  const stem = { width: 64, depths, groups: 32, numerics: "timm" } as const
  return vitConfig({ ...shape, stem, patchSize: [side, side], ...fields })
}
