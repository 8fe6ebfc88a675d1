/**
 * DINOv3 in the `config.json` of transformers:
 * https://github.com/huggingface/transformers/tree/main/src/transformers/models/dinov3_vit
 */
import { rotaryPositions, type ViTConfig, vitConfig, vitParameters } from "@vitrine/core"
import * as v from "valibot"
import { huggingFaceActivations, huggingFaceName } from "../../activations.ts"
import { configError, inFile } from "../../errors.ts"
import type { Json } from "../../json.ts"
import { flag, number, object, pair, parse, rowOf } from "../../schema.ts"
import { type ShapedSource, type TensorNames, weightOf } from "../../sources.ts"
import type { HuggingFaceModel, HuggingFaceTensor } from "../formats.ts"
import { presentFeatures } from "./features.ts"
import { coveredSize, sharedFields, sharedPaths } from "./huggingface-fields.ts"

export const dinov3Type = "dinov3_vit"

const schema = object({
  image_size: v.nullish(pair, 224),
  patch_size: v.nullish(pair, 16),
  num_channels: v.nullish(number, 3),
  hidden_size: v.nullish(number, 384),
  intermediate_size: v.nullish(number, 1536),
  num_hidden_layers: v.nullish(number, 12),
  num_attention_heads: v.nullish(number, 6),
  hidden_act: v.nullish(rowOf(huggingFaceActivations), "gelu"),
  attention_dropout: v.nullish(number, 0),
  layer_norm_eps: v.nullish(number, 1e-5),
  rope_theta: v.nullish(number, 100),
  query_bias: v.nullish(flag, true),
  key_bias: v.nullish(flag, false),
  value_bias: v.nullish(flag, true),
  proj_bias: v.nullish(flag, true),
  mlp_bias: v.nullish(flag, true),
  layerscale_value: v.nullish(number, 1),
  drop_path_rate: v.nullish(number, 0),
  use_gated_mlp: v.nullish(flag, false),
  num_register_tokens: v.nullish(number, 0),
})

const paths = {
  ...sharedPaths,
  attentionDropout: "attention_dropout",
}

/** The model takes images of any size: coordinates of patches follow from it. Positions do not move in training. */
export function readDinov3(json: Json, file: string): HuggingFaceModel<ViTConfig> {
  const fields = parse(schema, json, file)
  const {
    query_bias: qkvBias,
    key_bias: keyBias,
    value_bias,
    proj_bias: projBias,
    mlp_bias,
    use_gated_mlp: gated,
  } = fields
  if (qkvBias !== value_bias || (keyBias && !qkvBias))
    throw configError(file, "query_bias, key_bias and value_bias: Vitrine has all, all but the keys', or none")
  if (!(fields.rope_theta > 0)) throw configError(file, `rope_theta must be above 0, got ${fields.rope_theta}`)
  if (projBias !== mlp_bias) throw configError(file, "proj_bias and mlp_bias: Vitrine has both or none")
  const { image_size: imageSize, patch_size: patchSize } = fields
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
        gatedMlp: gated,
        splitGate: gated,
        classes: 0,
        registers: fields.num_register_tokens,
        positions: {
          kind: "rotary",
          pairs: "halves",
          axes: "ij",
          centres: true,
          offset: 0,
          reference: null,
          frequencies: "fixed",
          temperature: fields.rope_theta,
          table: false,
        },
        prefixPositions: true,
        qkvBias,
        keyBias,
        projBias,
        layerScale: fields.layerscale_value,
        activation: fields.hidden_act,
        attentionDropout: fields.attention_dropout,
        stochasticDepth: fields.drop_path_rate,
        layerNormEpsilon: fields.layer_norm_eps,
      }),
    paths,
  )
  return {
    config,
    takes: "the preprocessor's size",
    positionMethod: "timm",
    imageSize,
    patchSize,
    notes: [
      "in training, transformers moves the coordinates of patches at random (pos_embed_rescale); Vitrine does not",
    ],
  }
}

/** Whether a model's positions are those of DINOv3. */
export function isDinov3(config: ViTConfig): boolean {
  return rotaryPositions(config)?.centres === true
}

export function writeDinov3(config: ViTConfig): { readonly fields: Json; readonly notes: readonly string[] } {
  const theta = rotaryPositions(config)?.temperature ?? 100
  const scale = config.layerScale ?? 1
  const fields = {
    architectures: ["DINOv3ViTModel"],
    model_type: dinov3Type,
    ...sharedFields(config),
    attention_dropout: config.attentionDropout,
    layer_norm_eps: config.layerNormEpsilon,
    query_bias: config.qkvBias,
    key_bias: config.qkvBias && config.keyBias,
    value_bias: config.qkvBias,
    proj_bias: config.projBias,
    mlp_bias: config.projBias,
    // transformers refuses integers here. The defaults are 100 and 1.
    ...(Number.isInteger(theta) ? {} : { rope_theta: theta }),
    ...(Number.isInteger(scale) ? {} : { layerscale_value: scale }),
    drop_path_rate: config.stochasticDepth,
    use_gated_mlp: config.gatedMlp,
    num_register_tokens: config.registers,
  }
  return { fields, notes: [] }
}

/** The properties of a model that DINOv3 in transformers lacks. */
export function beyondDinov3(config: ViTConfig): string[] {
  const { activation, classes, pool, positions } = config
  const rotary = typeof positions === "object" ? positions : undefined
  const features = {
    "a head for classes": classes > 0,
    "no class token": !config.classToken,
    [`features by ${pool}`]: pool !== "token",
    "no final norm": !config.finalNorm,
    "a distillation token": config.distillationToken,
    "a hidden layer before the logits": config.preLogits !== null,
    "a ResNet before the patches": config.stem !== null,
    "norms by the root mean square": config.norm === "rms",
    "norms behind the layers": config.postNorm,
    "layers side by side": config.blockKind !== "sequential",
    "a norm of the patches": config.patchNorm,
    "a norm before the blocks": config.embeddingNorm,
    "normed queries and keys": config.qkNorm,
    "norms inside of its layers": config.attentionNorm || config.mlpNorm,
    "a table of positions": rotary?.table === true,
    "rotary positions of another form": rotary?.pairs !== "halves" || rotary.axes !== "ij" || rotary.offset !== 0,
    [`a temperature of ${rotary?.temperature}`]: Number.isInteger(rotary?.temperature) && rotary?.temperature !== 100,
    [`the activation ${activation}`]: huggingFaceName(activation) === undefined,
    dropout: config.dropout > 0,
  }
  return presentFeatures(features)
}

const outside: Readonly<Record<string, string>> = {
  cls_token: "embeddings.cls_token",
  reg_token: "embeddings.register_tokens",
  "patch_embed.proj.weight": "embeddings.patch_embeddings.weight",
  "patch_embed.proj.bias": "embeddings.patch_embeddings.bias",
}

const projections = ["attention.q_proj", "attention.k_proj", "attention.v_proj"] as const
const gates = ["mlp.gate_proj", "mlp.up_proj"] as const

/** The layers of a block for a parameter. If there are several, each has an equal part of it. */
const layers: Readonly<Record<string, readonly string[]>> = {
  norm1: ["norm1"],
  "attn.qkv": projections,
  "attn.q_proj": ["attention.q_proj"],
  "attn.k_proj": ["attention.k_proj"],
  "attn.v_proj": ["attention.v_proj"],
  "attn.proj": ["attention.o_proj"],
  norm2: ["norm2"],
  "mlp.fc1": ["mlp.up_proj"],
  "mlp.fc1_g": ["mlp.gate_proj"],
  "mlp.fc1_x": ["mlp.up_proj"],
  "mlp.fc2": ["mlp.down_proj"],
}

/** The parameters of a block other than weights and biases of layers. */
const vectors: Readonly<Record<string, string>> = {
  "attn.q_bias": "attention.q_proj.bias",
  "attn.v_bias": "attention.v_proj.bias",
  gamma_1: "layer_scale1.lambda1",
  gamma_2: "layer_scale2.lambda1",
}

/** The tensors for a parameter. */
function sourceOf(
  name: string,
  shape: readonly number[],
  { gatedMlp, splitGate }: ViTConfig,
  blocks: string,
): ShapedSource {
  const [, index, part] = /^blocks\.(\d+)\.(.*)$/.exec(name) ?? []
  if (part === undefined) return { from: [outside[name] ?? name], shapes: [shape] }
  const at = `${blocks}.${index}`
  const vector = vectors[part]
  if (vector !== undefined) return { from: [`${at}.${vector}`], shapes: [shape] }
  const [, layer = "", field = ""] = /^(.*)(\.(?:weight|bias))$/.exec(part) ?? []
  const names = layer === "mlp.fc1" && gatedMlp && !splitGate ? gates : layers[layer]
  if (names === undefined) throw new Error(`transformers' DINOv3 has no ${name}`)
  const [rows = 1, ...others] = shape
  return {
    from: names.map((each) => `${at}.${each}${field}`),
    shapes: names.map(() => [rows / names.length, ...others]),
  }
}

/** The tensors of a file for each parameter. Names of blocks are longer in memory than in files. */
export function dinov3Sources({ tensors }: TensorNames, config: ViTConfig): [string, ShapedSource][] {
  const blocks = tensors.some(({ name }) => name.startsWith("model.layer.")) ? "model.layer" : "layer"
  return vitParameters(config).map(({ name, shape }) => [name, sourceOf(name, shape, config, blocks)])
}

export function dinov3Tensors(
  config: ViTConfig,
  weights: Readonly<Record<string, Float32Array>>,
): readonly HuggingFaceTensor[] {
  const { dim, layerScale, normAfterPool } = config
  const target = vitConfig({ ...config, layerScale: layerScale ?? 1, normAfterPool: false })
  const ones = new Float32Array(dim).fill(1)
  const all = vitParameters(target).flatMap(({ name, shape }) => {
    const own = normAfterPool ? name.replace(/^norm\./, "fc_norm.") : name
    const values = layerScale === null && name.includes(".gamma_") ? ones : weightOf(weights, own)
    const { from, shapes } = sourceOf(name, shape, target, "layer")
    const length = values.length / from.length
    return from.map((each, i) => ({
      name: each,
      shape: shapes[i] ?? [],
      data: values.subarray(i * length, (i + 1) * length),
    }))
  })
  return [...all, { name: "embeddings.mask_token", shape: [1, 1, dim], data: new Float32Array(dim) }]
}
