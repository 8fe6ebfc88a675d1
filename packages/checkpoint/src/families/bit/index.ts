import { type BiTConfig, bitConfig, bitModel, bitVariant, initializeBiT, isBiTVariant } from "@vitrine/resnet"
import type { Family } from "../family.ts"
import { fields, schema } from "./schema.ts"

/** The ResNets of Big Transfer. */
export const bit: Family<BiTConfig> = {
  label: "ResNet",
  recognises: {
    architecture: /^resnetv2_\d+x\d+_bit$/,
    architectures: `a ResNet of BiT's, such as "resnetv2_50x1_bit"`,
    modelTypes: ["bit"],
    tensor: /^(stem\.conv\.weight|resnet\/root_block\/standardized_conv2d\/kernel)$/,
    variant: isBiTVariant,
    fields: ["widths", "depths"],
  },
  schema,
  fields,
  config: (values) => bitConfig(values),
  model: bitModel,
  describe: ({ depths, widths }) => ({
    kind: "BiT",
    noun: "ResNet",
    short: `BiT ${depths.join("+")}, ${widths.join("-")}`,
    structure: `ResNet, ${depths.join("+")} blocks of width ${widths.join(", ")}`,
    input: "",
    features: "the average over all places",
  }),
  hints: ({ groups }) => ({ groups }),
  firstConvolution: () => "stem.conv",
  attention: () => null,
  int8: false,
  recipes: {
    initSchemes: ["timm"],
    initScheme: "timm",
    variantFields: ["stemWidth", "widths", "depths"],
    linearHead: {},
    variant: bitVariant,
    // Weights are standardised with timm's ε, so that timm can load the run.
    config: (values, variant) => {
      const withEpsilon = { weightEpsilon: 1e-8, ...values }
      return variant === undefined ? bitConfig(withEpsilon) : bitVariant(variant, withEpsilon)
    },
  },
  initialize: (parameters, _, __, key) => initializeBiT(parameters, key),
  resize: async () => ({}),
  formats: {
    timm: async () => (await import("./timm.ts")).timm,
    huggingFace: async () => (await import("./huggingface.ts")).huggingFace,
    timmWeights: async () => ({ read: (await import("./weights.ts")).readBiTWeights }),
    googleWeights: async () => ({ read: (await import("./weights.ts")).readBiTWeights }),
  },
}
