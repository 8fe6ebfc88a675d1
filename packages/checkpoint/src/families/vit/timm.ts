/**
 * Vision Transformers in timm's `config.json`:
 * https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer.py
 */
import {
  firstConvolution,
  patchGrid,
  prefixPositionCount,
  type StemConfig,
  type ViTConfig,
  vitConfig,
} from "@vitrine/core"
import * as v from "valibot"
import { timmActivations } from "../../activations.ts"
import { configError, inFile } from "../../errors.ts"
import type { Json } from "../../json.ts"
import { resizePositions } from "../../positions.ts"
import { partOf } from "../../sources.ts"
import { flag, number, object, oneOf, pair, parse, rowOf } from "../../schema.ts"
import type { TimmFields, TimmFormat, TimmModel } from "../formats.ts"
import { architectures, type TimmArgs } from "./architectures.ts"
import { evaArchitectures } from "./eva-architectures.ts"
import { beyondEva, isEva, readEva, writeEva } from "./eva.ts"
import { type NeutralArgs, pathsOf, poolNames, refuseFeatures, sidesOf } from "./timm-args.ts"

export const timm: TimmFormat<ViTConfig> = {
  has: (name) => architectures.has(name) || evaArchitectures.has(name),
  read: readTimm,
  write(config) {
    // An architecture's name gives ε, and beside it the kind of the norms.
    const near = timm.nearest(config).config
    return isEva(near) ? writeEva(near) : writePlain(near)
  },
  beyond: (config) => (isEva(config) ? beyondEva(config) : beyond(config)),
  resized(name, [, rows = 0], config) {
    if (name !== "pos_embed" || config.positions !== "learned") return undefined
    const { dim } = config
    const prefixTokens = prefixPositionCount(config)
    const to = patchGrid(config)
    const side = Math.sqrt(rows - prefixTokens)
    if (rows === prefixTokens + to[0] * to[1] || !Number.isInteger(side) || side < 1) return undefined
    return {
      from: [name],
      shapes: [[1, rows, dim]],
      make: ([table]) => resizePositions(partOf(table), { prefixTokens, dim, from: [side, side], to, method: "timm" }),
    }
  },
  nearest(config) {
    const { stem, layerNormEpsilon } = config
    const notes = stem?.numerics === "google" ? ["timm's stem has other ε than Google's: logits differ a little"] : []
    const fitted: ViTConfig = { ...config, stem: stem === null ? null : { ...stem, numerics: "timm" } }
    const near = [layerNormEpsilon, 1e-6, 1e-5]
      .map((each) => ({ ...fitted, layerNormEpsilon: each }))
      .find((each) => timm.beyond(each).length === 0)
    if (near === undefined) return { config: fitted, notes }
    const note = `timm norms with ε = ${near.layerNormEpsilon}, this model with ${layerNormEpsilon}: logits differ a little`
    return { config: near, notes: near.layerNormEpsilon === layerNormEpsilon ? notes : [...notes, note] }
  },
}

function writePlain(config: ViTConfig): TimmModel {
  const { distillationToken, imageSize, patchSize } = config
  const [architecture, row] = nearestArchitecture(config)
  const settings: Json = { ...row }
  const rest = optional(config).filter(([key, value, otherwise]) => value !== (settings[key] ?? otherwise))
  return {
    architecture,
    num_features: config.dim,
    global_pool: poolNames[config.pool],
    model_args: {
      img_size: [...imageSize],
      patch_size: patchSize[0] === patchSize[1] ? patchSize[0] : [...patchSize],
      in_chans: config.channels,
      embed_dim: config.dim,
      depth: config.depth,
      num_heads: config.heads,
      mlp_ratio: mlpRatio(config),
      class_token: config.classToken,
      global_pool: poolNames[config.pool],
      fc_norm: config.normAfterPool,
      // A fixed table is stored in the weights like a learned one.
      pos_embed: config.positions === "none" ? "none" : "learn",
      act_layer: config.activation,
      ...Object.fromEntries(rest.map(([key, value]) => [key, value])),
      ...(config.dropout > 0 && { pos_drop_rate: config.dropout, proj_drop_rate: config.dropout }),
      ...(config.attentionDropout > 0 && { attn_drop_rate: config.attentionDropout }),
      ...(config.stochasticDepth > 0 && { drop_path_rate: config.stochasticDepth }),
    },
    pretrained_cfg: {
      fixed_input_size: true,
      first_conv: firstConvolution(config),
      classifier: distillationToken ? ["head", "head_dist"] : "head",
    },
  }
}

/** Arguments that are written if they differ from the architecture's, and their defaults in timm. */
function optional(config: ViTConfig): readonly (readonly [key: string, value: unknown, otherwise: unknown])[] {
  return [
    ["reg_tokens", config.registers, 0],
    ["no_embed_class", !config.prefixPositions, false],
    ["scale_attn_norm", config.attentionNorm, false],
    ["scale_mlp_norm", config.mlpNorm, false],
    ["pre_norm", config.embeddingNorm, false],
    ["qkv_bias", config.qkvBias, true],
    ["proj_bias", config.projBias, true],
    ["qk_norm", config.qkNorm, false],
    config.blockKind === "joint"
      ? ["init_values", config.layerScale ?? undefined, undefined]
      : // In timm 0 means no LayerScale. The starting values of trained factors do not matter.
        ["init_values", config.layerScale === null ? 0 : config.layerScale || 1e-5, 0],
    ["pool_include_prefix", config.poolPrefix, false],
    ["final_norm", config.finalNorm, true],
  ]
}

function beyond(config: ViTConfig): string[] {
  const { preLogits, layerNormEpsilon: epsilon, gatedMlp, distillationToken, registers, positions, stem } = config
  const features: string[] = []
  if (stem !== null && !all.some(([, args]) => sameStem(args, stem)))
    features.push(
      `a stem of ${stem.width} channels in ${stem.groups} groups with ${stem.depths.join(", ") || "no"} blocks${stem.root === "3x3" ? " behind a 3×3 convolution" : ""}`,
    )
  if (stem?.numerics === "google") features.push("Google's ε in its stem")
  if (stem !== null && distillationToken) features.push("a distillation token behind a stem")
  if (stem !== null && gatedMlp) features.push("gated MLPs behind a stem")
  if (config.postNorm && config.layerScale !== null) features.push("norms behind the layers beside LayerScale")
  if (preLogits !== null) features.push(`a hidden layer of ${preLogits.dim} before the logits`)
  if (config.pool === "token+average") features.push("a head that reads the class token beside the average")
  if (distillationToken && gatedMlp) features.push("gated MLPs beside a distillation token")
  if (distillationToken && (registers > 0 || !config.prefixPositions || positions === "none"))
    features.push("a distillation token beside registers, or without a position")
  if (stem !== null && (config.norm === "rms" || config.postNorm || config.patchNorm))
    features.push("other norms behind a stem")
  if (stem !== null && config.blockKind !== "sequential") features.push(`${config.blockKind} layers behind a stem`)
  if (stem !== null && epsilon !== 1e-6) features.push(`layer norms with ε = ${epsilon}`)
  const isNamed = stem !== null || all.some(([, args]) => hasKind(args, config))
  if (features.length === 0 && !isNamed) features.push(kindOf(config))
  return features
}

/** Whether a model has the properties that only an architecture's name gives, in models without a stem. */
function hasKind(
  {
    block_kind,
    distilled,
    init_values,
    mlp_layer,
    norm_epsilon = 1e-6,
    norm_layer,
    patch_norm,
    post_norm,
    stem_depths,
  }: TimmArgs,
  config: ViTConfig,
): boolean {
  const gates = config.splitGate ? "split swiglu" : config.gatedMlp ? "swiglu" : undefined
  return (
    stem_depths === undefined &&
    (block_kind ?? "sequential") === config.blockKind &&
    // No argument takes factors away from joint layers.
    !(block_kind === "joint" && init_values !== undefined && config.layerScale === null) &&
    (distilled ?? false) === config.distillationToken &&
    mlp_layer === gates &&
    norm_epsilon === config.layerNormEpsilon &&
    norm_layer === (config.norm === "rms" ? "rmsnorm" : undefined) &&
    (patch_norm ?? false) === config.patchNorm &&
    (post_norm ?? false) === config.postNorm
  )
}

const kindOf = ({ blockKind, gatedMlp, layerNormEpsilon, layerScale, norm, patchNorm, postNorm }: ViTConfig): string =>
  [
    `${norm === "rms" ? "RMS norms" : "layer norms"} with ε = ${layerNormEpsilon}`,
    ...(patchNorm ? ["normed patches"] : []),
    ...(postNorm ? ["norms behind the layers"] : []),
    ...(blockKind === "sequential" ? [] : [`${blockKind} layers`]),
    ...(blockKind === "joint" && layerScale === null ? ["no LayerScale"] : []),
    ...(gatedMlp ? ["gated MLPs"] : []),
  ].join(" beside ")

/** timm takes the integer part of `dim · ratio`. The rounded quotient must not make it too small. */
function mlpRatio({ dim, mlpDim, gatedMlp, splitGate }: ViTConfig): number {
  const hidden = gatedMlp && !splitGate ? 2 * mlpDim : mlpDim
  const ratio = hidden / dim
  return Math.trunc(dim * ratio) === hidden ? ratio : (hidden + 0.5) / dim
}

type Architecture = readonly [name: string, args: TimmArgs]

const all: readonly Architecture[] = [...architectures]

/** The stem of every timm hybrid, without its blocks. */
const stemSize = { width: 64, depths: [], groups: 32, numerics: "timm" } as const

/** Whether timm has this stem under a name. ε may differ. */
function sameStem({ stem_depths }: TimmArgs, { root = "7x7", width, groups, depths }: StemConfig): boolean {
  return root === "7x7" && width === stemSize.width && groups === stemSize.groups && `${stem_depths}` === `${depths}`
}

/**
 * The most similar architecture. `model_args` hold the differences. Properties that only a name gives should be the
 * same.
 */
function nearestArchitecture(config: ViTConfig): Architecture {
  const { stem } = config
  if (stem !== null) {
    const hybrids = all.filter(([, { stem_depths }]) => stem_depths !== undefined)
    const same = hybrids.filter(([, args]) => sameStem(args, stem))
    return first([...same.filter(([, { embed_dim }]) => embed_dim === config.dim), ...same, ...hybrids])
  }
  const same = all.filter(([, args]) => hasKind(args, config))
  // If timm cannot express the model, the architecture is only a name for it.
  const distilled = all.filter(([, args]) => (args.distilled ?? false) === config.distillationToken)
  const candidates = same.length > 0 ? same : distilled.filter(([, args]) => args.stem_depths === undefined)
  const closest = candidates.filter(
    ([, args]) =>
      args.embed_dim === config.dim &&
      args.depth === config.depth &&
      args.num_heads === config.heads &&
      args.patch_size === config.patchSize[0] &&
      (args.global_pool ?? "token") === poolNames[config.pool],
  )
  return first([...closest, ...candidates.filter(([name]) => name.includes("_base_patch16_")), ...candidates])
}

function first<T>([item]: readonly T[]): T {
  if (item === undefined) throw new Error("no architecture of timm's can be this model")
  return item
}

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
  qk_norm: v.nullish(flag),
  proj_bias: v.nullish(flag),
  init_values: v.nullish(number),
  class_token: v.nullish(flag),
  pos_embed: v.nullish(oneOf(["learn", "none", ""])),
  no_embed_class: v.nullish(flag),
  scale_attn_norm: v.nullish(flag),
  scale_mlp_norm: v.nullish(flag),
  norm_layer: v.nullish(oneOf(["layernorm", "rmsnorm"])),
  reg_tokens: v.nullish(number),
  pre_norm: v.nullish(flag),
  final_norm: v.nullish(flag),
  fc_norm: v.nullish(flag),
  pool_include_prefix: v.nullish(flag),
  act_layer: v.nullish(rowOf(timmActivations)),
  pos_drop_rate: v.nullish(number),
  proj_drop_rate: v.nullish(number),
  attn_drop_rate: v.nullish(number),
  drop_path_rate: v.nullish(number),
  dynamic_img_size: v.nullish(flag),
}
const argsSchema = object(model_args)
const pretrainedSchema = object({ global_pool: model_args.global_pool })

/** Arguments that affect only training and have no place in a ViTConfig. */
const ignored: readonly string[] = ["drop_rate", "patch_drop_rate", "weight_init", "fix_init"]

const neutral: NeutralArgs = {
  dynamic_img_pad: [[false], "padding of images"],
  use_naflex: [[false], "NaFlex"],
  embed_layer: [[], "another patch embedding"],
  embed_norm_layer: [[], "a norm after the patch embedding"],
  block_fn: [[], "another block"],
  mlp_layer: [["mlp"], "another MLP"],
  attn_layer: [["attn", ""], "another attention"],
}

const paths = pathsOf({ registers: "model_args.reg_tokens", normAfterPool: "model_args.fc_norm" })

/** Missing arguments are those of the architecture, or timm's defaults. timm drops arguments that are None. */
function readTimm(fields: TimmFields, file: string): ViTConfig {
  return evaArchitectures.has(fields.architecture) ? readEva(fields, file) : readPlain(fields, file)
}

function readPlain(
  { architecture, num_classes, model_args: json, pretrained, at }: TimmFields,
  file: string,
): ViTConfig {
  const row = architectures.get(architecture)
  if (row === undefined) throw new Error(`${architecture} is not in the table`)
  refuseFeatures(json, { known: model_args, ignored, neutral }, file)
  const args = parse(argsSchema, json, file, "model_args")
  const { input_size, num_classes: trained } = pretrained
  // A dynamic model has positions for its own size, which are resized to that of its images.
  const fixed = pretrained.fixed_input_size === true && args.dynamic_img_size !== true
  const [channels = 3, ...inputSize] = input_size ?? []
  const pool = args.global_pool ?? row.global_pool ?? parse(pretrainedSchema, pretrained, file, at).global_pool
  const dim = args.embed_dim ?? row.embed_dim
  // The one MLP that a file can name, "mlp", has no gate.
  const gates = json.mlp_layer == null ? row.mlp_layer : undefined
  const packed = gates === "swiglu"
  const hidden = Math.trunc(dim * (args.mlp_ratio ?? row.mlp_ratio ?? 4))
  if (packed && hidden % 2 !== 0)
    throw configError(file, `model_args.mlp_ratio makes ${hidden} of ${dim}, but a gated MLP needs an even number`)
  if (row.patch_norm && args.norm_layer != null)
    throw configError(file, `model_args.norm_layer: Vitrine norms patches as tokens, ${architecture} by its own norm`)
  const distillationToken = row.distilled === true
  const finalNorm = args.final_norm ?? row.final_norm ?? true
  const side = row.img_size ?? 224
  const postNorm = row.post_norm ?? false
  const blockKind = row.block_kind ?? "sequential"
  const factors = args.init_values ?? row.init_values
  const fields = {
    imageSize: args.img_size ?? sidesOf(fixed && row.img_size === undefined ? inputSize : []) ?? [side, side],
    patchSize: args.patch_size ?? [row.patch_size, row.patch_size],
    stem: row.stem_depths === undefined ? null : { ...stemSize, depths: row.stem_depths },
    channels: args.in_chans ?? channels,
    dim,
    blockKind,
    depth: args.depth ?? row.depth,
    heads: args.num_heads ?? row.num_heads,
    mlpDim: packed ? hidden / 2 : hidden,
    gatedMlp: gates !== undefined,
    splitGate: gates === "split swiglu",
    classes: args.num_classes ?? num_classes ?? trained ?? 1000,
    classToken: args.class_token ?? row.class_token ?? true,
    distillationToken,
    registers: args.reg_tokens ?? row.reg_tokens ?? 0,
    pool: pool === "avg" ? "average" : (pool ?? "token"),
    poolPrefix: args.pool_include_prefix ?? row.pool_include_prefix ?? false,
    finalNorm,
    normAfterPool: finalNorm && (args.fc_norm ?? row.fc_norm ?? pool === "avg"),
    positions: (args.pos_embed ?? "learn") === "learn" || distillationToken ? "learned" : "none",
    prefixPositions: !(args.no_embed_class ?? row.no_embed_class ?? false),
    norm: (args.norm_layer ?? row.norm_layer) === "rmsnorm" ? "rms" : "layer",
    patchNorm: row.patch_norm ?? false,
    postNorm,
    attentionNorm: args.scale_attn_norm ?? row.scale_attn_norm ?? false,
    mlpNorm: args.scale_mlp_norm ?? row.scale_mlp_norm ?? false,
    embeddingNorm: args.pre_norm ?? row.pre_norm ?? false,
    qkvBias: args.qkv_bias ?? row.qkv_bias ?? true,
    projBias: args.proj_bias ?? row.proj_bias ?? true,
    qkNorm: args.qk_norm ?? row.qk_norm ?? false,
    // Behind the layers, timm's argument is where the norms' factors start. Only joint layers have factors that start at 0.
    layerScale: postNorm ? null : blockKind === "joint" ? (factors ?? null) : factors || null,
    activation: args.act_layer ?? row.act_layer ?? "gelu",
    preLogits: null,
    dropout: args.proj_drop_rate ?? 0,
    attentionDropout: args.attn_drop_rate ?? 0,
    stochasticDepth: args.drop_path_rate ?? 0,
    layerNormEpsilon: args.norm_layer == null ? (row.norm_epsilon ?? 1e-6) : 1e-6,
  } as const
  return inFile(file, () => vitConfig(fields), paths)
}
