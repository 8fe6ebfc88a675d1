import {
  firstConvolution,
  initializeViT,
  initSchemes,
  keyFromSeed,
  patchGrid,
  positionTable,
  prefixPositionCount,
  tokenCount,
  type ViTConfig,
  vitConfig,
  vitModel,
  vitParameters,
  vitVariant,
} from "@vitrine/core"
import { resizePositions } from "../../positions.ts"
import type { Family, ModelWords } from "../family.ts"
import { featureWords } from "./assumptions.ts"
import { fields, schema } from "./schema.ts"

/** Vision Transformers, plain or behind a ResNet. */
export const vit: Family<ViTConfig> = {
  label: "Vision Transformer",
  recognises: {
    architecture: /^(vit|deit|deit3|flexivit|eva|beit3|aimv2|test_vit)/,
    architectures: `one of timm's plain or hybrid Vision Transformers, such as "vit_base_patch16_224"`,
    modelTypes: [
      "vit",
      "deit",
      "dinov2",
      "dinov2_with_registers",
      "dinov3_vit",
      "vit_mae",
      "clip",
      "clip_vision_model",
      "siglip",
      "siglip_vision_model",
    ],
    tensor: /(^|\.)(patch_embed\.proj\.weight|embedding\/kernel)$/,
    variant: (name) => name.includes("/"),
    fields: [],
  },
  schema,
  fields,
  config: (values) => vitConfig(values),
  model: vitModel,
  describe,
  hints: ({ heads, activation, layerNormEpsilon, pool, stem }) => ({
    heads,
    activation,
    layerNormEpsilon,
    pool,
    groups: stem?.groups,
  }),
  firstConvolution,
  attention: (config) => (config.blockKind === "paired" ? null : config),
  int8: true,
  recipes: {
    initSchemes,
    initScheme: "fan",
    variantFields: ["patchSize", "stem", "dim", "depth", "heads", "mlpDim"],
    linearHead: { preLogits: null },
    variant: vitVariant,
    config: recipeConfig,
  },
  initialize: initializeViT,
  async resize(from, to, read, method) {
    const [before, after] = [patchGrid(from), patchGrid(to)]
    const kind = positionTable(to)
    if (kind === null || (before[0] === after[0] && before[1] === after[1])) return {}
    if (kind === "sincos2d") {
      const fixed = vitParameters(to).filter(({ role }) => role === "fixedPositions")
      return initializeViT(fixed, to, "timm", keyFromSeed(0))
    }
    const table = await read("pos_embed")
    const prefixTokens = prefixPositionCount(to)
    return { pos_embed: resizePositions(table, { prefixTokens, dim: to.dim, from: before, to: after, method }) }
  },
  formats: {
    timm: async () => (await import("./timm.ts")).timm,
    huggingFace: async () => (await import("./huggingface.ts")).huggingFace,
    timmWeights: async () => ({ read: (await import("./timm-weights.ts")).readStateDict }),
    googleWeights: async () => ({ read: (await import("./google-weights.ts")).readGoogleWeights }),
  },
}

function describe(config: ViTConfig): ModelWords {
  const { stem, depth, dim, heads, patchSize } = config
  const stages = stem?.depths.join("+")
  const sides = patchSize.join("×")
  const patch = patchSize[0] === patchSize[1] ? patchSize[0] : sides
  return {
    kind: stem === null ? "ViT" : "hybrid",
    noun: stem === null ? "Vision Transformer without a ResNet before it" : "Vision Transformer",
    short: `${stem === null ? "" : `ResNet ${stages || "root"}, `}ViT ${depth}×${dim} /${patch}`,
    structure: `ViT${stem === null ? "" : ` behind ${stages ? `a ResNet of ${stages} blocks` : "the first convolution of a ResNet"}`}, depth ${depth}, width ${dim}, heads ${heads}`,
    input: `in patches of ${sides}: ${tokenCount(config)} tokens`,
    features: featureWords(config),
  }
}

/** Small images get a small model: 6 layers of width 96 with patches of 4×4. Others get Ti/16. */
function recipeConfig(values: Partial<ViTConfig>, variant: string | undefined, small: boolean): ViTConfig {
  if (variant !== undefined) return vitVariant(variant, values)
  if (!small) return vitVariant("Ti/16", values)
  const { dim = 96, imageSize } = values
  const patch = imageSize?.every((side) => side % 4 === 0) ? 4 : 1
  return vitConfig({ patchSize: [patch, patch], dim, depth: 6, heads: dim / 32, mlpDim: 4 * dim, ...values })
}
