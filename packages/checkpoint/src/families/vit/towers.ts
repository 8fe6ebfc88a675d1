/**
 * The vision half of CLIP and of SigLIP in transformers:
 * https://github.com/huggingface/transformers/tree/main/src/transformers/models/clip, siglip
 */
import { type ViTConfig, vitConfig, vitParameters } from "@vitrine/core"
import * as v from "valibot"
import { huggingFaceActivations } from "../../activations.ts"
import { configError, inFile } from "../../errors.ts"
import type { Json } from "../../json.ts"
import { flag, number, object, pair, parse, rowOf } from "../../schema.ts"
import { partOf, type ShapedSource, type TensorNames } from "../../sources.ts"
import type { HuggingFaceModel, HuggingFaceType } from "../formats.ts"
import { coveredSize, sharedPaths } from "./huggingface-fields.ts"

interface Tower {
  /** What distinguishes the model from a plain Vision Transformer, and the defaults of transformers. */
  readonly fields: Partial<ViTConfig>
  readonly defaults: { readonly patch_size: number; readonly hidden_act: string; readonly layer_norm_eps: number }
  /** The model with a linear head. */
  readonly classifier: Partial<ViTConfig>
  /** What the features of the model without one are. */
  readonly features: string
}

const clip: Tower = {
  fields: { embeddingNorm: true },
  defaults: { patch_size: 32, hidden_act: "quick_gelu", layer_norm_eps: 1e-5 },
  // It reads the average over the patches, without a norm.
  classifier: { pool: "average", classToken: true, finalNorm: false, normAfterPool: false },
  features: "the class token after the last norm (pooler_output), before the projection to the texts' space",
}
const siglip: Tower = {
  fields: { pool: "map", classToken: false },
  defaults: { patch_size: 16, hidden_act: "gelu_pytorch_tanh", layer_norm_eps: 1e-6 },
  classifier: { pool: "average", classToken: false, normAfterPool: false },
  features: "what the learned query of the head gives (pooler_output)",
}

const towers: ReadonlyMap<string, Tower> = new Map([
  ["clip", clip],
  ["clip_vision_model", clip],
  ["siglip", siglip],
  ["siglip_vision_model", siglip],
])

const clipPreprocessor: HuggingFaceType["preprocessor"] = ([height, width]) => ({
  image_processor_type: "CLIPImageProcessor",
  size: { shortest_edge: Math.min(height, width) },
  crop_size: { height, width },
})
const siglipPreprocessor: HuggingFaceType["preprocessor"] = ([height, width]) => ({
  image_processor_type: "SiglipImageProcessor",
  size: { height, width },
})

/** What stands beside the image tower, and what its other heads use. */
const unused =
  /^(text_model\.|logit_(scale|bias)$|(visual|text)_projection\.|(vision_model\.)?(embeddings\.position_ids$|post_layernorm\.|head\.))/

export const towerTypes: readonly (readonly [string, HuggingFaceType])[] = [
  ["clip", { classes: "CLIP", heads: ["Model", "ForImageClassification"], preprocessor: clipPreprocessor, unused }],
  [
    "clip_vision_model",
    { classes: "CLIP", heads: ["VisionModel", "VisionModelWithProjection"], preprocessor: clipPreprocessor, unused },
  ],
  [
    "siglip",
    { classes: "Siglip", heads: ["Model", "ForImageClassification"], preprocessor: siglipPreprocessor, unused },
  ],
  ["siglip_vision_model", { classes: "Siglip", heads: ["VisionModel"], preprocessor: siglipPreprocessor, unused }],
]

const schema = object({
  image_size: v.nullish(pair, 224),
  patch_size: v.nullish(pair),
  num_channels: v.nullish(number, 3),
  hidden_size: v.nullish(number, 768),
  num_hidden_layers: v.nullish(number, 12),
  num_attention_heads: v.nullish(number, 12),
  intermediate_size: v.nullish(number, 3072),
  hidden_act: v.nullish(rowOf(huggingFaceActivations)),
  layer_norm_eps: v.nullish(number),
  attention_dropout: v.nullish(number, 0),
  vision_use_head: v.nullish(flag, true),
})

export const isTower = (type: unknown): boolean => typeof type === "string" && towers.has(type)

/** Reads the `config.json` of a CLIP or SigLIP, or of its vision half alone. */
export function readTower(json: Json, type: string, classes: number, file: string): HuggingFaceModel<ViTConfig> {
  const { fields: own, defaults, classifier, features } = towers.get(type) ?? clip
  const whole = type === "clip" || type === "siglip"
  const at = whole ? "vision_config" : ""
  const path = (field: string): string => (at === "" ? field : `${at}.${field}`)
  const given = whole ? (json.vision_config ?? {}) : json
  const fields = parse(schema, { ...defaults, ...parse(object({}), given, file, at) }, file, at)
  if (!fields.vision_use_head && classes === 0)
    throw configError(file, `${path("vision_use_head")} is false: its features are no single list of numbers`)
  const { image_size: imageSize, hidden_act: activation = "gelu" } = fields
  const patchSize = fields.patch_size ?? [defaults.patch_size, defaults.patch_size]
  const config = inFile(
    file,
    () =>
      vitConfig({
        imageSize: coveredSize(imageSize, patchSize),
        patchSize,
        channels: fields.num_channels,
        dim: fields.hidden_size,
        depth: fields.num_hidden_layers,
        heads: fields.num_attention_heads,
        mlpDim: fields.intermediate_size,
        classes,
        positions: "learned",
        activation: activation ?? "gelu",
        attentionDropout: fields.attention_dropout,
        layerNormEpsilon: fields.layer_norm_eps ?? defaults.layer_norm_eps,
        ...own,
        ...(classes > 0 && classifier),
      }),
    {
      ...Object.fromEntries(Object.entries(sharedPaths).map(([name, field]) => [name, path(field)])),
      classes: "num_labels",
    },
  )
  return {
    config,
    takes: "its size",
    imageSize,
    patchSize,
    positionMethod: "huggingface",
    notes: classes > 0 ? [] : [`has no classes: its features are ${features}`],
  }
}

const outside: Readonly<Record<string, string>> = {
  "patch_embed.proj": "embeddings.patch_embedding",
  norm_pre: "pre_layrnorm",
  norm: "post_layernorm",
  "attn_pool.proj": "head.attention.out_proj",
  "attn_pool.norm": "head.layernorm",
  "attn_pool.mlp.fc1": "head.mlp.fc1",
  "attn_pool.mlp.fc2": "head.mlp.fc2",
}

const inBlock: Readonly<Record<string, readonly string[]>> = {
  norm1: ["layer_norm1"],
  "attn.qkv": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
  "attn.proj": ["self_attn.out_proj"],
  norm2: ["layer_norm2"],
  "mlp.fc1": ["mlp.fc1"],
  "mlp.fc2": ["mlp.fc2"],
}

/** The tensors of a file that make each parameter. */
export function towerSources({ tensors }: TensorNames, config: ViTConfig): [string, ShapedSource][] {
  const prefix = tensors.some(({ name }) => name.startsWith("vision_model.")) ? "vision_model." : ""
  return vitParameters(config).map(({ name, shape }) => [name, towerSource(name, shape, config.dim, prefix)])
}

/** The tensors of a parameter. `prefix` stands before their names. */
export function towerSource(parameter: string, shape: readonly number[], dim: number, prefix: string): ShapedSource {
  const whole = (name: string, fileShape = shape): ShapedSource => ({ from: [`${prefix}${name}`], shapes: [fileShape] })
  if (parameter === "cls_token") return whole("embeddings.class_embedding", [dim])
  if (parameter === "pos_embed") return whole("embeddings.position_embedding.weight", shape.slice(1))
  if (parameter === "attn_pool.latent") return whole("head.probe")
  const [, path = parameter, field = ""] = /^(.*)\.(weight|bias)$/.exec(parameter) ?? []
  if (path === "head") return { from: [`classifier.${field}`], shapes: [shape] }
  if (path === "attn_pool.q" || path === "attn_pool.kv") {
    const [, ...columns] = shape
    const row = columns.reduce((product, size) => product * size, 1)
    const [first, last] = path === "attn_pool.q" ? [0, dim] : [dim, 3 * dim]
    return {
      ...whole(`head.attention.in_proj_${field}`, [3 * dim, ...columns]),
      make: ([values]) => partOf(values).subarray(first * row, last * row),
    }
  }
  const [, index, part = ""] = /^blocks\.(\d+)\.(.*)$/.exec(path) ?? []
  const names = index === undefined ? [outside[path]] : (inBlock[part] ?? [undefined])
  const from = names.map((name) => {
    if (name === undefined) throw new Error(`the towers of transformers have no ${parameter}`)
    return `${prefix}${index === undefined ? "" : `encoder.layers.${index}.`}${name}.${field}`
  })
  const [rows = 1, ...others] = shape
  return { from, shapes: from.map(() => [rows / from.length, ...others]) }
}
