/**
 * Vision Transformers in the format that transformers loads with all checks: the fields of `config.json`, and the
 * tensors with the names of the published models.
 */
import { prefixTokens, rotaryPositions, tokenCount, type ViTConfig, vitConfig, vitParameters } from "@vitrine/core"
import { huggingFaceName } from "../../activations.ts"
import type { Json } from "../../json.ts"
import { sum, weightOf } from "../../sources.ts"
import type { HuggingFaceTensor } from "../formats.ts"
import { presentFeatures } from "./features.ts"
import { sharedFields } from "./huggingface-fields.ts"
import { huggingFaceTargets } from "./huggingface-names.ts"

type ModelType = "vit" | "deit" | "dinov2" | "dinov2_with_registers"

/** The prefix of their classes' names. */
const classNames: Readonly<Record<ModelType, string>> = {
  vit: "ViT",
  deit: "DeiT",
  dinov2: "Dinov2",
  dinov2_with_registers: "Dinov2WithRegisters",
}

/** The `model_type` that has most of a model's features. */
function modelType({ classes, distillationToken, gatedMlp, layerScale, pool, registers }: ViTConfig): ModelType {
  if (distillationToken) return "deit"
  const dino = gatedMlp || pool === "token+average" || (layerScale !== null && classes === 0)
  // DeiT's second token is a register if no head reads it.
  if (registers > 0) return dino || registers > 1 ? "dinov2_with_registers" : "deit"
  return dino ? "dinov2" : "vit"
}

const isDino = (type: ModelType): boolean => type === "dinov2" || type === "dinov2_with_registers"

/** The fields of a `config.json` that describe the same model, and notes about what they cannot express. */
export function write(config: ViTConfig): { readonly fields: Json; readonly notes: readonly string[] } {
  const { classes } = config
  const { intermediate_size, hidden_act, ...size } = sharedFields(config)
  const type = modelType(config)
  const architecture = `${classNames[type]}${classes > 0 ? "ForImageClassification" : "Model"}`
  const fields = {
    architectures: [config.distillationToken ? `${architecture}WithTeacher` : architecture],
    model_type: type,
    ...size,
    ...(isDino(type)
      ? {
          mlp_ratio: mlpRatio(config) ?? config.mlpDim / config.dim,
          use_swiglu_ffn: config.gatedMlp,
          // transformers refuses integers here. The default is 1.
          ...(Number.isInteger(config.layerScale ?? 1) ? {} : { layerscale_value: config.layerScale }),
          drop_path_rate: config.stochasticDepth,
          ...(config.registers > 0 && { num_register_tokens: config.registers }),
        }
      : { intermediate_size }),
    hidden_act,
    layer_norm_eps: config.layerNormEpsilon,
    qkv_bias: config.qkvBias,
    hidden_dropout_prob: config.dropout,
    attention_probs_dropout_prob: config.attentionDropout,
  }
  const note = `the model has no classes: load it with ${architecture}.from_pretrained(folder, add_pooling_layer=False)`
  return { fields, notes: classes === 0 && !isDino(type) ? [note] : [] }
}

/** The whole number by which DINOv2's MLPs are wider than its tokens, or undefined if there is none. */
function mlpRatio({ dim, mlpDim, gatedMlp }: ViTConfig): number | undefined {
  // A gated MLP has two thirds of that width, rounded up to a multiple of 8.
  const width = (ratio: number): number =>
    gatedMlp ? 8 * Math.ceil(Math.trunc((dim * ratio * 2) / 3) / 8) : dim * ratio
  const near = Math.floor(((gatedMlp ? 1.5 : 1) * mlpDim) / dim)
  return [near, near - 1, near + 1].find((ratio) => ratio > 0 && width(ratio) === mlpDim)
}

/** The properties of a model that no class of transformers has, or that none combines. */
export function beyond(config: ViTConfig): string[] {
  const type = modelType(config)
  const { activation, classes, dim, distillationToken, gatedMlp, imageSize, mlpDim, pool, preLogits, registers } =
    config
  const features = {
    "a ResNet before the patches": config.stem !== null,
    [`pooling "${pool}"`]: pool !== "token" && pool !== "token+average",
    "averages over the tokens before the patches": pool === "token+average" && config.poolPrefix,
    "features of both the class token and the average": pool === "token+average" && classes === 0,
    [`a hidden layer of ${preLogits?.dim} before the logits`]: preLogits !== null,
    "rotary positions": rotaryPositions(config) !== null,
    "no bias of keys beside other biases": config.qkvBias && !config.keyBias,
    "a matrix for each projection or gate": config.splitQkv || config.splitGate,
    "norms inside of its layers": config.attentionNorm || config.mlpNorm,
    "norms by the root mean square": config.norm === "rms",
    "norms behind the layers": config.postNorm,
    "layers side by side": config.blockKind !== "sequential",
    "a norm of the patches": config.patchNorm,
    "a norm before the blocks": config.embeddingNorm,
    "normed queries and keys": config.qkNorm,
    "no final norm": !config.finalNorm,
    "a norm after the pooling": config.normAfterPool && pool !== "token",
    "a distillation token without classes": distillationToken && classes === 0,
    "a distillation token and registers": distillationToken && registers > 0,
    "a distillation token and gated MLPs": distillationToken && gatedMlp,
    [`the activation ${activation}`]: huggingFaceName(activation) === undefined,
    [`MLPs gated by ${activation}`]: gatedMlp && activation !== "silu",
    [`MLPs of ${mlpDim}, which DINOv2's are not for a width of ${dim}`]: isDino(type) && mlpRatio(config) === undefined,
    [`images of ${imageSize.join("×")}, where DINOv2's are square`]: isDino(type) && imageSize[0] !== imageSize[1],
  }
  return presentFeatures(features)
}

type Weights = Readonly<Record<string, Float32Array>>

/** The parameters of a model with the names of its class in transformers. */
export function tensors(config: ViTConfig, weights: Weights): readonly HuggingFaceTensor[] {
  const prefix = (type: string): string => (config.classes > 0 ? `${type}.` : "")
  const type = modelType(config)
  const target = targetOf(config, type)
  const changed = {
    ...embeddings(config, type, weights),
    ...scaled(config, target, weights),
    ...head(config, target, weights),
  }
  const { dim, normAfterPool } = config
  const all = vitParameters(target).flatMap(({ name, shape, role }) => {
    const source = normAfterPool ? name.replace(/^norm\./, "fc_norm.") : name
    const neutral = (): Float32Array =>
      new Float32Array(shape.reduce((n, size) => n * size, 1)).fill(role === "layerScale" ? 1 : 0)
    const values = changed[name] ?? weights[source] ?? neutral()
    // DINOv2's registers have no positions, but DeiT's second token has one.
    const naming = name === "reg_token" && isDino(type) ? { ...target, prefixPositions: false } : target
    const parts = huggingFaceTargets(name, shape, naming, prefix(type))
    const length = values.length / parts.length
    return parts.map((part, i) => ({
      name: part.name,
      shape: name === "pos_embed" ? [1, values.length / dim, dim] : part.shape,
      data: values.subarray(i * length, (i + 1) * length),
    }))
  })
  const mask = { name: `${prefix(type)}embeddings.mask_token`, shape: [1, dim], data: new Float32Array(dim) }
  return isDino(type) ? [...all, mask] : all
}

/** The model as its class in transformers defines it. */
function targetOf(config: ViTConfig, type: ModelType): ViTConfig {
  const { layerScale, pool, classes } = config
  return vitConfig({
    ...config,
    positions: "learned",
    prefixPositions: true,
    // LayerNorm acts on each token alone. For the class token it gives the same before and after the pooling.
    normAfterPool: false,
    projBias: true,
    layerScale: isDino(type) ? (layerScale ?? 1) : null,
    pool: isDino(type) && classes > 0 ? "token+average" : pool,
  })
}

/**
 * Tokens and positions. For ViT and DeiT each token has a position, for DINOv2 only the class token and the patches.
 */
function embeddings(config: ViTConfig, type: ModelType, weights: Weights): Weights {
  const { dim, positions, registers } = config
  const prefix = prefixTokens(config)
  const table = new Float32Array(tokenCount(config) * dim)
  if (positions !== "none") table.set(weightOf(weights, "pos_embed"), config.prefixPositions ? 0 : prefix * dim)
  if (registers === 0 || !isDino(type)) return { pos_embed: table }
  const patches = new Float32Array(table.length - registers * dim)
  patches.set(table.subarray(0, dim))
  patches.set(table.subarray(prefix * dim), dim)
  const tokens = sum(weightOf(weights, "reg_token"), table.subarray(dim))
  return { pos_embed: patches, reg_token: tokens }
}

/** If the class has no LayerScale, its factors go into the layers before it. */
function scaled(config: ViTConfig, target: ViTConfig, weights: Weights): Weights {
  if (config.layerScale === null || target.layerScale !== null) return {}
  const parameters: Record<string, Float32Array> = {}
  for (let i = 0; i < config.depth; i++)
    for (const [layer, scale] of [
      ["attn.proj", "ls1"],
      ["mlp.fc2", "ls2"],
    ] as const) {
      const factors = weightOf(weights, `blocks.${i}.${scale}.gamma`)
      for (const name of [`blocks.${i}.${layer}.weight`, `blocks.${i}.${layer}.bias`]) {
        const values = weights[name]
        if (values !== undefined) parameters[name] = scaledRows(values, factors)
      }
    }
  return parameters
}

/** Multiplies each row of a matrix or list by a factor. */
function scaledRows(values: Float32Array, factors: Float32Array): Float32Array {
  const scaled = values.slice()
  const length = values.length / factors.length
  for (const [row, factor] of factors.entries()) {
    const part = scaled.subarray(row * length, (row + 1) * length)
    part.set(part.map((value) => value * factor))
  }
  return scaled
}

/** DINOv2's head also reads the average over the patches. Its weights for it are 0. */
function head(config: ViTConfig, target: ViTConfig, weights: Weights): Weights {
  if (config.pool === target.pool) return {}
  const { classes, dim } = config
  const narrow = weightOf(weights, "head.weight")
  const wide = new Float32Array(2 * classes * dim)
  for (let row = 0; row < classes; row++) wide.set(narrow.subarray(row * dim, (row + 1) * dim), 2 * row * dim)
  return { "head.weight": wide }
}
