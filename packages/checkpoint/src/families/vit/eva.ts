/**
 * Models of timm's `Eva` in timm's `config.json`: EVA, EVA-02, RoPE-ViT, Perception Encoder, DINOv3.
 * https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/eva.py
 */
import { positionTable, rotaryPositions, type ViTConfig, vitConfig } from "@vitrine/core"
import * as v from "valibot"
import { configError, inFile } from "../../errors.ts"
import type { Json } from "../../json.ts"
import { flag, number, object, oneOf, pair, parse } from "../../schema.ts"
import type { TimmFields, TimmModel } from "../formats.ts"
import { type EvaArgs, evaArchitectures } from "./eva-architectures.ts"
import { presentFeatures } from "./features.ts"
import { pathsOf, poolNames, refuseFeatures, sidesOf } from "./timm-args.ts"

const model_args = {
  img_size: v.nullish(pair),
  patch_size: v.nullish(pair),
  in_chans: v.nullish(number),
  num_classes: v.nullish(number),
  global_pool: v.nullish(oneOf(["token", "avg", "map"])),
  embed_dim: v.nullish(number),
  depth: v.nullish(number),
  num_heads: v.nullish(number),
  mlp_ratio: v.nullish(number),
  qkv_bias: v.nullish(flag),
  qkv_fused: v.nullish(flag),
  qk_norm: v.nullish(flag),
  swiglu_mlp: v.nullish(flag),
  swiglu_align_to: v.nullish(number),
  scale_mlp: v.nullish(flag),
  scale_attn_inner: v.nullish(flag),
  attn_type: v.nullish(oneOf(["eva", "rope"])),
  init_values: v.nullish(number),
  class_token: v.nullish(flag),
  num_reg_tokens: v.nullish(number),
  no_embed_class: v.nullish(flag),
  use_abs_pos_emb: v.nullish(flag),
  use_rot_pos_emb: v.nullish(flag),
  rope_type: v.nullish(oneOf(["cat", "mixed", "dinov3"])),
  rope_grid_offset: v.nullish(number),
  rope_grid_indexing: v.nullish(oneOf(["ij", "xy"])),
  rope_temperature: v.nullish(number),
  rope_rotate_half: v.nullish(flag),
  ref_feat_shape: v.nullish(pair),
  use_post_norm: v.nullish(flag),
  use_pre_transformer_norm: v.nullish(flag),
  use_post_transformer_norm: v.nullish(flag),
  use_fc_norm: v.nullish(flag),
  attn_pool_num_heads: v.nullish(number),
  attn_pool_mlp_ratio: v.nullish(number),
  dynamic_img_size: v.nullish(flag),
  proj_drop_rate: v.nullish(number),
  attn_drop_rate: v.nullish(number),
  drop_path_rate: v.nullish(number),
  pos_drop_rate: v.nullish(number),
}
const argsSchema = object(model_args)
const pretrainedSchema = object({ global_pool: model_args.global_pool })

/** Arguments that affect only training and have no field in a ViTConfig. */
const ignored: readonly string[] = [
  "drop_rate",
  "patch_drop_rate",
  "head_init_scale",
  "rope_shift_coords",
  "rope_jitter_coords",
  "rope_rescale_coords",
]

/** Arguments that Vitrine accepts only with the value that changes nothing, and the feature that other values mean. */
const neutral = {
  num_kv_heads: [[], "groups of queries with one key"],
  attn_only_layer_scale: [[false], "LayerScale of the attention alone"],
  rope_mrope_section: [[], "MRoPE"],
  dynamic_img_pad: [[false], "padding of images"],
  use_naflex: [[false], "NaFlex"],
  norm_layer: [[], "another norm"],
} as const

const paths = pathsOf({
  registers: "model_args.num_reg_tokens",
  normAfterPool: "model_args.use_fc_norm",
  mapPool: "model_args.attn_pool_num_heads",
})

/** Reads a model. Missing arguments are those of the architecture. */
export function readEva(
  { architecture, num_classes, model_args: json, pretrained, at }: TimmFields,
  file: string,
): ViTConfig {
  const row = evaArchitectures.get(architecture)
  if (row === undefined) throw new Error(`${architecture} is not in the table`)
  refuseFeatures(json, { known: model_args, ignored, neutral }, file)
  const args = parse(argsSchema, json, file, "model_args")
  const { input_size, num_classes: trained, fixed_input_size } = pretrained
  const [channels = 3, ...inputSize] = input_size ?? []
  const dynamic = args.dynamic_img_size ?? row.dynamic_img_size
  const pool = args.global_pool ?? row.global_pool ?? parse(pretrainedSchema, pretrained, file, at).global_pool ?? "avg"
  const dim = args.embed_dim ?? row.embed_dim
  const heads = args.num_heads ?? row.num_heads
  const mlpRatio = args.mlp_ratio ?? row.mlp_ratio
  const gatedMlp = args.swiglu_mlp ?? row.swiglu_mlp
  const mlpNorm = args.scale_mlp ?? row.scale_mlp
  const align = args.swiglu_align_to ?? row.swiglu_align_to
  const splitGate = gatedMlp && (mlpNorm || align > 0)
  const hidden = Math.trunc(dim * mlpRatio)
  const fcNorm = args.use_fc_norm ?? row.use_fc_norm ?? pool === "avg"
  const lastNorm = args.use_post_transformer_norm ?? row.use_post_transformer_norm ?? !fcNorm
  if (fcNorm && lastNorm)
    throw configError(
      file,
      "model_args.use_fc_norm and use_post_transformer_norm: Vitrine has one norm after the blocks",
    )
  if (gatedMlp && pool === "map")
    throw configError(
      file,
      "model_args.swiglu_mlp: Vitrine does not have it beside a pool by attention, whose MLP has gelu",
    )
  const side = row.img_size ?? 224
  const positions = readPositions(args, row)
  const postNorm = args.use_post_norm ?? row.use_post_norm
  // A model for any image size runs at the size of its preprocessing, unless its table of positions has another size.
  const runSize = dynamic && positionTable({ positions }) === null ? sidesOf(inputSize) : undefined
  const given = fixed_input_size === true && row.img_size === undefined ? inputSize : []
  const fields = {
    imageSize: runSize ?? args.img_size ?? sidesOf(given) ?? [side, side],
    patchSize: args.patch_size ?? [row.patch_size, row.patch_size],
    channels: args.in_chans ?? channels,
    dim,
    depth: args.depth ?? row.depth,
    heads,
    mlpDim: splitGate && align > 0 ? align * Math.ceil(hidden / align) : hidden,
    gatedMlp,
    splitGate,
    classes: args.num_classes ?? num_classes ?? trained ?? 1000,
    classToken: args.class_token ?? row.class_token,
    registers: args.num_reg_tokens ?? row.num_reg_tokens,
    pool: pool === "avg" ? "average" : pool,
    // The pooling in timm's `Eva` reads all tokens.
    poolPrefix: pool === "map",
    mapPool:
      pool === "map"
        ? {
            heads: (args.attn_pool_num_heads ?? row.attn_pool_num_heads) || heads,
            mlpDim: Math.trunc(dim * ((args.attn_pool_mlp_ratio ?? row.attn_pool_mlp_ratio) || mlpRatio)),
          }
        : null,
    finalNorm: fcNorm || lastNorm,
    normAfterPool: fcNorm,
    positions,
    prefixPositions: !(args.no_embed_class ?? row.no_embed_class),
    postNorm,
    embeddingNorm: args.use_pre_transformer_norm ?? row.use_pre_transformer_norm,
    qkvBias: args.qkv_bias ?? row.qkv_bias,
    keyBias: (args.attn_type ?? row.attn_type) === "rope",
    splitQkv: !(args.qkv_fused ?? row.qkv_fused),
    attentionNorm: args.scale_attn_inner ?? row.scale_attn_inner,
    mlpNorm,
    qkNorm: args.qk_norm ?? row.qk_norm,
    // Behind the layers, timm's argument is where the norms' factors start.
    layerScale: postNorm ? null : (args.init_values ?? row.init_values ?? null),
    activation: gatedMlp ? "silu" : "gelu",
    dropout: args.proj_drop_rate ?? 0,
    attentionDropout: args.attn_drop_rate ?? 0,
    stochasticDepth: args.drop_path_rate ?? 0,
    layerNormEpsilon: row.norm_epsilon,
  } as const
  const config = inFile(file, () => vitConfig(fields), paths)
  if (config.layerScale !== null && rotaryPositions(config) === null)
    throw configError(file, "model_args.init_values: Vitrine has timm's Eva with LayerScale for rotary positions alone")
  return config
}

type Args = v.InferOutput<typeof argsSchema>

function readPositions(args: Args, row: EvaArgs): ViTConfig["positions"] {
  const table = args.use_abs_pos_emb ?? row.use_abs_pos_emb
  if (!(args.use_rot_pos_emb ?? row.use_rot_pos_emb)) return table ? "learned" : "none"
  const type = args.rope_type ?? row.rope_type
  const half = args.rope_rotate_half ?? row.rope_rotate_half
  return {
    kind: "rotary",
    pairs: half ? "halves" : "neighbours",
    axes: args.rope_grid_indexing ?? row.rope_grid_indexing,
    centres: type === "dinov3",
    offset: type === "mixed" ? 0 : (args.rope_grid_offset ?? row.rope_grid_offset),
    reference: type === "cat" ? (args.ref_feat_shape ?? row.ref_feat_shape ?? null) : null,
    frequencies: type === "mixed" ? "learned" : "fixed",
    temperature: args.rope_temperature ?? row.rope_temperature,
    table,
  }
}

/** Whether timm builds a model with `Eva`: if the model has features that timm's `VisionTransformer` lacks. */
export function isEva(config: ViTConfig): boolean {
  const { keyBias, mapPool, norm, patchNorm, splitGate, splitQkv } = config
  // AIMv2's gates are of timm's VisionTransformer.
  const gates = splitGate && norm === "layer" && !patchNorm
  return !keyBias || splitQkv || gates || mapPool !== null || rotaryPositions(config) !== null
}

export function writeEva(config: ViTConfig): TimmModel {
  const [architecture, row] = nearestArchitecture(config)
  const { dim, gatedMlp, mlpDim, normAfterPool, patchSize, splitGate } = config
  const rotary = rotaryPositions(config)
  const pool = config.mapPool ?? { heads: config.heads, mlpDim }
  const ratio = (hidden: number): number => {
    const quotient = hidden / dim
    return Math.trunc(dim * quotient) === hidden ? quotient : (hidden + 0.5) / dim
  }
  const aligned = row.swiglu_align_to > 0 && mlpDim % row.swiglu_align_to === 0 ? row.swiglu_align_to : 1
  const settings: Json = { ...row }
  const rest: Json = {
    qkv_bias: config.qkvBias,
    qkv_fused: !config.splitQkv,
    qk_norm: config.qkNorm,
    swiglu_mlp: gatedMlp,
    swiglu_align_to: splitGate && !config.mlpNorm ? aligned : 0,
    scale_mlp: config.mlpNorm,
    scale_attn_inner: config.attentionNorm,
    attn_type: config.keyBias ? "rope" : "eva",
    num_reg_tokens: config.registers,
    no_embed_class: !config.prefixPositions,
    use_abs_pos_emb: positionTable(config) !== null,
    use_rot_pos_emb: rotary !== null,
    use_post_norm: config.postNorm,
    use_pre_transformer_norm: config.embeddingNorm,
    ...(config.layerScale !== null && { init_values: config.layerScale }),
    ...(rotary !== null && {
      rope_type: rotary.frequencies === "learned" ? "mixed" : rotary.centres ? "dinov3" : "cat",
      rope_grid_offset: rotary.offset,
      rope_grid_indexing: rotary.axes,
      rope_temperature: rotary.temperature,
      rope_rotate_half: rotary.pairs === "halves",
      ...(rotary.reference !== null && { ref_feat_shape: rotary.reference }),
    }),
    ...(config.pool === "map" && { attn_pool_num_heads: pool.heads, attn_pool_mlp_ratio: ratio(pool.mlpDim) }),
  }
  const differs = Object.entries(rest).filter(([key, value]) => `${value}` !== `${settings[key]}`)
  return {
    architecture,
    num_features: dim,
    global_pool: poolNames[config.pool],
    model_args: {
      img_size: [...config.imageSize],
      patch_size: patchSize[0] === patchSize[1] ? patchSize[0] : [...patchSize],
      in_chans: config.channels,
      embed_dim: dim,
      depth: config.depth,
      num_heads: config.heads,
      mlp_ratio: ratio(mlpDim),
      class_token: config.classToken,
      global_pool: poolNames[config.pool],
      use_fc_norm: normAfterPool,
      use_post_transformer_norm: config.finalNorm && !normAfterPool,
      ...Object.fromEntries(differs),
      ...(config.dropout > 0 && { pos_drop_rate: config.dropout, proj_drop_rate: config.dropout }),
      ...(config.attentionDropout > 0 && { attn_drop_rate: config.attentionDropout }),
      ...(config.stochasticDepth > 0 && { drop_path_rate: config.stochasticDepth }),
    },
    pretrained_cfg: { fixed_input_size: true, first_conv: "patch_embed.proj", classifier: "head" },
  }
}

type Architecture = readonly [name: string, args: EvaArgs]

/** Architectures that arguments can change to the model. Arguments cannot remove a LayerScale or a reference grid, or set ε. */
function possibleArchitectures(config: ViTConfig): readonly Architecture[] {
  const reference = rotaryPositions(config)?.reference ?? null
  return [...evaArchitectures].filter(
    ([, { init_values, norm_epsilon, ref_feat_shape }]) =>
      (init_values === undefined || config.layerScale !== null) &&
      (ref_feat_shape === undefined || reference !== null || rotaryPositions(config) === null) &&
      norm_epsilon === config.layerNormEpsilon,
  )
}

/** The most similar architecture. `model_args` hold the differences. */
function nearestArchitecture(config: ViTConfig): Architecture {
  const rotary = rotaryPositions(config)
  const points = ([, args]: Architecture): number =>
    [
      readPositionKind(args) === (rotary === null ? "none" : rotary.centres ? "dinov3" : rotary.frequencies),
      args.embed_dim === config.dim,
      args.depth === config.depth,
      args.num_heads === config.heads,
      args.patch_size === config.patchSize[0],
      (args.global_pool ?? "avg") === poolNames[config.pool],
      (args.attn_type === "rope") === config.keyBias,
      args.qkv_bias === config.qkvBias,
      args.swiglu_mlp === config.gatedMlp,
    ].filter((same) => same).length
  const possible = possibleArchitectures(config)
  // If timm cannot express the model, the architecture is only a name for it.
  const [first, ...others] = possible.length > 0 ? possible : [...evaArchitectures]
  if (first === undefined) throw new Error("there are no architectures")
  return others.reduce((best, each) => (points(each) > points(best) ? each : best), first)
}

function readPositionKind({ use_rot_pos_emb, rope_type }: EvaArgs): string {
  if (!use_rot_pos_emb) return "none"
  return { cat: "fixed", mixed: "learned", dinov3: "dinov3" }[rope_type]
}

/** The properties of a model that timm's `Eva` cannot have. */
export function beyondEva(config: ViTConfig): string[] {
  const { activation, gatedMlp, layerNormEpsilon, pool, positions, preLogits, stem } = config
  const prefix = config.classToken || config.registers > 0
  const features = {
    "a stem": stem !== null,
    "norms by the root mean square": config.norm === "rms",
    "a norm of the patches": config.patchNorm,
    "layers side by side": config.blockKind !== "sequential",
    "norms behind the layers beside LayerScale": config.postNorm && config.layerScale !== null,
    "a distillation token": config.distillationToken,
    [`a hidden layer of ${preLogits?.dim} before the logits`]: preLogits !== null,
    "a head that reads the class token beside the average": pool === "token+average",
    "an average over the tokens before the patches": pool === "average" && config.poolPrefix && prefix,
    "a learned query that leaves out the tokens before the patches": pool === "map" && !config.poolPrefix && prefix,
    "a learned query beside gated MLPs": pool === "map" && gatedMlp,
    "layers without biases": !config.projBias,
    [`MLPs with ${activation}`]: activation !== (gatedMlp ? "silu" : "gelu"),
    "one matrix for both layers of a gated MLP that is normed": gatedMlp && config.mlpNorm && !config.splitGate,
    "LayerScale without rotary positions": config.layerScale !== null && typeof positions !== "object",
    [`layer norms with ε = ${layerNormEpsilon}`]: possibleArchitectures(config).length === 0,
  }
  return presentFeatures(features)
}
