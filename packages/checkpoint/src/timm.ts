/**
 * The `config.json` of a model folder as timm writes and reads it:
 * https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/_hub.py
 */
import { firstConvolution, type StemConfig, type ViTConfig } from "@vitrine/core"
import { timmActivations } from "./activations.ts"
import { architectures, type TimmArgs } from "./architectures.ts"
import { configError, shown } from "./errors.ts"
import { checked, checkedModel, isBiT, type ModelConfig } from "./families.ts"
import { fieldReader, isObject, type Json } from "./fields.ts"
import type { PositionMethod } from "./positions.ts"
import { checkPreprocessing, type Preprocessing } from "./preprocessing.ts"
import { bitBeyondTimm, bitOfTimm, describedBiT, isBitArchitecture } from "./timm-bit.ts"

/** A `config.json` that timm reads, with what only Vitrine knows under `vitrine`. */
export interface TimmConfig {
  readonly architecture: string
  readonly num_classes: number
  readonly num_features: number
  readonly global_pool: "token" | "avg" | "map"
  readonly model_args: Readonly<Record<string, unknown>>
  readonly pretrained_cfg: Readonly<Record<string, unknown>>
  readonly label_names?: readonly string[]
  readonly vitrine: { readonly model: ModelConfig; readonly [key: string]: unknown }
}

export interface TimmExtra {
  readonly preprocessing: Preprocessing
  /** Names of the classes, in the order of the outputs. */
  readonly labels?: readonly string[] | null | undefined
  /** What else the file should remember, such as recipe, data and seed: plain JSON data. */
  readonly vitrine?: Readonly<Record<string, unknown>> | undefined
}

/** What a `config.json` says. */
export interface ModelDescription {
  readonly config: ModelConfig
  readonly preprocessing: Preprocessing
  readonly labels: readonly string[] | null
  /** How the model's origin resizes its position embeddings. */
  readonly positionMethod: PositionMethod
  /** What a user of the model should know: what was left out or assumed, a line each. */
  readonly notes?: readonly string[]
}

const pools = { token: "token", average: "avg", map: "map", "token+average": "token" } as const
export const imageNetMean: readonly number[] = [0.485, 0.456, 0.406]
export const imageNetStd: readonly number[] = [0.229, 0.224, 0.225]

/**
 * The `config.json` of a model: `timm.create_model(architecture, num_classes=num_classes, **model_args)` builds the
 * same model, but for what `beyondTimm` names, and `timm.create_model("local-dir:FOLDER")` does so by itself.
 */
export function toTimmConfig(config: ModelConfig, { preprocessing, labels, vitrine }: TimmExtra): TimmConfig {
  const { architecture, model_args } = described(config)
  return {
    architecture,
    num_classes: config.classes,
    ...(isBiT(config)
      ? { num_features: config.widths.at(-1) as number, global_pool: "avg" as const }
      : { num_features: config.dim, global_pool: pools[config.pool] }),
    ...(labels && { label_names: labels }),
    model_args,
    pretrained_cfg: {
      custom_load: false,
      input_size: [config.channels, ...config.imageSize],
      fixed_input_size: !isBiT(config),
      interpolation: preprocessing.interpolation,
      crop_pct: preprocessing.cropPct,
      crop_mode: preprocessing.cropMode,
      mean: preprocessing.mean,
      std: preprocessing.std,
      num_classes: config.classes,
      pool_size: null,
      ...(isBiT(config)
        ? { first_conv: "stem.conv", classifier: "head.fc" }
        : {
            first_conv: firstConvolution(config),
            classifier: config.distillationToken ? ["head", "head_dist"] : "head",
          }),
    },
    vitrine: { ...vitrine, model: config },
  }
}

/** What timm is told of a model besides the number of its classes. */
function described(config: ModelConfig): Pick<TimmConfig, "architecture" | "model_args"> {
  return isBiT(config) ? describedBiT(config) : describedViT(config)
}

function describedViT(config: ViTConfig): Pick<TimmConfig, "architecture" | "model_args"> {
  const [architecture, args] = nearestArchitecture(config)
  const known: Json = { ...args }
  const rest: readonly (readonly [keyof TimmArgs | "proj_bias" | "qk_norm", value: unknown, otherwise: unknown])[] = [
    ["reg_tokens", config.registers, 0],
    ["no_embed_class", !config.prefixPositions, false],
    ["pre_norm", config.embeddingNorm, false],
    ["qkv_bias", config.qkvBias, true],
    ["proj_bias", config.projBias, true],
    ["qk_norm", config.qkNorm, false],
    // To timm, 0 is no LayerScale; what the factors start from plays no part once they are trained.
    ["init_values", config.layerScale === null ? 0 : config.layerScale || 1e-5, 0],
    ["pool_include_prefix", config.poolPrefix, false],
    ["final_norm", config.finalNorm, true],
  ]
  const model_args: Record<string, unknown> = {
    img_size: [...config.imageSize],
    patch_size: config.patchSize[0] === config.patchSize[1] ? config.patchSize[0] : [...config.patchSize],
    in_chans: config.channels,
    embed_dim: config.dim,
    depth: config.depth,
    num_heads: config.heads,
    mlp_ratio: mlpRatio(config),
    class_token: config.classToken,
    global_pool: pools[config.pool],
    fc_norm: config.normAfterPool,
    // A fixed table lies in the weights like a learned one.
    pos_embed: config.positions === "none" ? "none" : "learn",
    act_layer: config.activation,
    ...Object.fromEntries(
      rest.flatMap(([key, value, otherwise]) => (value === (known[key] ?? otherwise) ? [] : [[key, value] as const])),
    ),
    ...(config.dropout > 0 && { pos_drop_rate: config.dropout, proj_drop_rate: config.dropout }),
    ...(config.attentionDropout > 0 && { attn_drop_rate: config.attentionDropout }),
    ...(config.stochasticDepth > 0 && { drop_path_rate: config.stochasticDepth }),
  }
  return { architecture, model_args }
}

/** Properties of a model that timm's class of its family cannot be given: it loads or computes it otherwise. */
export function beyondTimm(config: ModelConfig): string[] {
  if (isBiT(config)) return bitBeyondTimm(config)
  const { preLogits, layerNormEpsilon: epsilon, gatedMlp, distillationToken, registers, positions, stem } = config
  const found: string[] = []
  if (stem !== null && !all.some(([, args]) => sameStem(args, stem)))
    found.push(
      `a stem of ${stem.width} channels in ${stem.groups} groups with ${stem.depths.join(", ") || "no"} blocks`,
    )
  if (stem?.numerics === "google") found.push("Google's ε in its stem")
  if (stem !== null && distillationToken) found.push("a distillation token behind a stem")
  if (stem !== null && gatedMlp) found.push("gated MLPs behind a stem")
  if (preLogits !== null) found.push(`a hidden layer of ${preLogits.dim} before the logits`)
  if (config.pool === "token+average") found.push("a head that reads the class token beside the average")
  if (distillationToken && gatedMlp) found.push("gated MLPs beside a distillation token")
  if (distillationToken && (registers > 0 || !config.prefixPositions || positions === "none"))
    found.push("a distillation token beside registers, or without a position")
  if (epsilon !== 1e-6 && (epsilon !== 1e-5 || gatedMlp || distillationToken || stem !== null))
    found.push(`layer norms with ε = ${epsilon}`)
  return found
}

/** timm takes the integer part of `dim · ratio`, which the rounding of the quotient must not push below. */
function mlpRatio({ dim, mlpDim, gatedMlp }: ViTConfig): number {
  const hidden = gatedMlp ? 2 * mlpDim : mlpDim
  const ratio = hidden / dim
  return Math.trunc(dim * ratio) === hidden ? ratio : (hidden + 0.5) / dim
}

const all = [...architectures]

/** The stem of every hybrid of timm's, but for its blocks. */
const stemSize = { width: 64, depths: [], groups: 32, numerics: "timm" } as const

/** Whether timm has this stem, but for its ε, under a name. */
function sameStem({ stem_depths }: TimmArgs, { width, groups, depths }: StemConfig): boolean {
  return width === stemSize.width && groups === stemSize.groups && `${stem_depths}` === `${depths}`
}

/**
 * The name with the most in common; all that differs is said in `model_args`, but for what only a name can tell timm:
 * these must agree if they can.
 */
function nearestArchitecture(config: ViTConfig): readonly [name: string, args: TimmArgs] {
  const { stem } = config
  if (stem !== null) {
    const hybrids = all.filter(([, { stem_depths }]) => stem_depths !== undefined)
    const same = hybrids.filter(([, args]) => sameStem(args, stem))
    const [nearest] = [...same.filter(([, { embed_dim }]) => embed_dim === config.dim), ...same, ...hybrids]
    return nearest as (typeof all)[number]
  }
  const able = all.filter(
    ([, { distilled = false, mlp_layer, norm_epsilon = 1e-6, stem_depths }]) =>
      stem_depths === undefined &&
      distilled === config.distillationToken &&
      (distilled || (mlp_layer === "swiglu") === config.gatedMlp) &&
      (distilled || config.gatedMlp || norm_epsilon === (config.layerNormEpsilon === 1e-5 ? 1e-5 : 1e-6)),
  )
  const alike = able.find(
    ([, args]) =>
      args.embed_dim === config.dim &&
      args.depth === config.depth &&
      args.num_heads === config.heads &&
      args.patch_size === config.patchSize[0] &&
      (args.global_pool ?? "token") === pools[config.pool],
  )
  const base = able.find(([name]) => name.includes("_base_patch16_"))
  return alike ?? base ?? (able[0] as (typeof able)[0])
}

/** Arguments of timm's constructor that Vitrine takes at the value that changes nothing, and what else they would be. */
const neutral: Readonly<Record<string, readonly [accepted: readonly unknown[], feature: string]>> = {
  scale_attn_norm: [[false], "a norm inside of the attention"],
  scale_mlp_norm: [[false], "a norm inside of the MLP"],
  dynamic_img_pad: [[false], "padding of images"],
  use_naflex: [[false], "NaFlex"],
  embed_layer: [[], "another patch embedding"],
  embed_norm_layer: [[], "a norm after the patch embedding"],
  norm_layer: [["layernorm"], "another norm"],
  block_fn: [[], "another block"],
  mlp_layer: [["mlp"], "another MLP"],
  attn_layer: [["attn", ""], "another attention"],
}

/** Arguments that change the training alone and that a ViTConfig has no place for. */
const ignored: readonly string[] = ["drop_rate", "patch_drop_rate", "weight_init", "fix_init", "dynamic_img_size"]

/**
 * Reads a `config.json` of timm's or of Vitrine's. Missing fields have timm's defaults; rates that matter in training
 * alone and that a ViTConfig has no place for (`drop_rate`, `patch_drop_rate`, a `pos_drop_rate` other than
 * `proj_drop_rate`) are left out. The models are taken at the image size of the file: `dynamic_img_size` has no effect.
 * @param file names the file in errors.
 * @throws VitrineError (config) for a model that cannot exist, or one with features that Vitrine does not have.
 */
export function fromTimmConfig(json: unknown, file: string): ModelDescription {
  const read = fieldReader(file)
  if (!isObject(json)) throw configError(file, `must hold an object, got ${shown(json)}`)
  if (json.architecture === undefined)
    throw configError(file, `has no "architecture": it does not describe a timm model`)
  const cfg = json.pretrained_cfg === undefined ? json : read.object("pretrained_cfg", json.pretrained_cfg)
  const args = read.object("model_args", json.model_args ?? {})
  const told = structure(json, cfg, args, file)
  const config = ownModel(json.vitrine, told, file)
  return {
    config,
    preprocessing: preprocessing(cfg, config, file),
    labels: labels(json, cfg, config, file),
    positionMethod: "timm",
  }
}

/** The model as timm's fields alone describe it. */
function structure(json: Json, cfg: Json, modelArgs: Json, file: string): ModelConfig {
  const name = fieldReader(file).string("architecture", json.architecture)
  return isBitArchitecture(name) ? bitOfTimm(json, cfg, modelArgs, file) : vitOfTimm(json, cfg, modelArgs, file)
}

/** The same for a Vision Transformer; `file` names the file in errors. */
export function vitOfTimm(json: Json, cfg: Json, modelArgs: Json, file: string): ViTConfig {
  const read = fieldReader(file)
  const [name = ""] = read.string("architecture", json.architecture).split(".")
  const known = architectures.get(name)
  if (known === undefined)
    throw configError(
      file,
      `architecture ${shown(json.architecture)} is not one of timm's plain or hybrid Vision Transformers, such as "vit_base_patch16_224", nor a ResNet of BiT's, such as "resnetv2_50x1_bit"`,
    )
  // timm drops arguments that are None.
  const args: Record<string, unknown> = { ...known }
  for (const [key, value] of Object.entries(modelArgs)) if (value !== null) args[key] = value
  refuseFeatures(modelArgs, file)

  const inputSize =
    cfg.input_size === undefined ? undefined : read.counts("pretrained_cfg.input_size", cfg.input_size, 3)
  const fixed = cfg.fixed_input_size === true && args.dynamic_img_size !== true
  const number = (key: string, fallback: number): number => read.number(`model_args.${key}`, args[key] ?? fallback)
  const pair = (key: string, fallback: unknown): readonly [number, number] =>
    read.pair(`model_args.${key}`, args[key] ?? fallback)
  const flag = (key: string, fallback: boolean): boolean => read.boolean(`model_args.${key}`, args[key] ?? fallback)
  const pool = read.oneOf("model_args.global_pool", args.global_pool ?? cfg.global_pool ?? "token", [
    "token",
    "avg",
    "map",
  ])
  const dim = number("embed_dim", 768)
  const gatedMlp = args.mlp_layer === "swiglu"
  const hidden = Math.trunc(dim * number("mlp_ratio", 4))
  if (gatedMlp && hidden % 2 !== 0)
    throw configError(file, `model_args.mlp_ratio makes ${hidden} of ${dim}, but a gated MLP needs an even number`)
  const distillationToken = known.distilled === true
  const finalNorm = flag("final_norm", true)
  const positions = read.oneOf("model_args.pos_embed", args.pos_embed ?? "learn", ["learn", "none", ""])
  return checked(file, {
    imageSize: pair("img_size", fixed && inputSize ? inputSize.slice(1) : 224),
    patchSize: pair("patch_size", 16),
    stem: known.stem_depths === undefined ? null : { ...stemSize, depths: known.stem_depths },
    channels: number("in_chans", inputSize?.[0] ?? 3),
    dim,
    depth: number("depth", 12),
    heads: number("num_heads", 12),
    mlpDim: gatedMlp ? hidden / 2 : hidden,
    gatedMlp,
    classes: read.number("num_classes", args.num_classes ?? json.num_classes ?? cfg.num_classes ?? 1000),
    classToken: flag("class_token", true),
    distillationToken,
    registers: number("reg_tokens", 0),
    pool: pool === "avg" ? "average" : pool,
    poolPrefix: flag("pool_include_prefix", false),
    finalNorm,
    normAfterPool: finalNorm && flag("fc_norm", pool === "avg"),
    positions: positions === "learn" || distillationToken ? "learned" : "none",
    prefixPositions: !flag("no_embed_class", false),
    embeddingNorm: flag("pre_norm", false),
    qkvBias: flag("qkv_bias", true),
    projBias: flag("proj_bias", true),
    qkNorm: flag("qk_norm", false),
    layerScale: number("init_values", 0) || null,
    activation: read.row("model_args.act_layer", args.act_layer ?? "gelu", timmActivations),
    preLogits: null,
    dropout: number("proj_drop_rate", 0),
    attentionDropout: number("attn_drop_rate", 0),
    stochasticDepth: number("drop_path_rate", 0),
    layerNormEpsilon: modelArgs.norm_layer == null ? (known.norm_epsilon ?? 1e-6) : 1e-6,
  })
}

const readArgs: readonly string[] = [
  "img_size",
  "patch_size",
  "in_chans",
  "num_classes",
  "global_pool",
  "embed_dim",
  "depth",
  "num_heads",
  "mlp_ratio",
  "qkv_bias",
  "qk_norm",
  "proj_bias",
  "init_values",
  "class_token",
  "pos_embed",
  "no_embed_class",
  "reg_tokens",
  "pre_norm",
  "final_norm",
  "fc_norm",
  "pool_include_prefix",
  "act_layer",
  "pos_drop_rate",
  "proj_drop_rate",
  "attn_drop_rate",
  "drop_path_rate",
]

function refuseFeatures(args: Readonly<Record<string, unknown>>, file: string): void {
  for (const [key, value] of Object.entries(args)) {
    if (value === null || readArgs.includes(key) || ignored.includes(key)) continue
    if (!Object.hasOwn(neutral, key)) throw configError(file, `model_args.${key} is not known to Vitrine`)
    const [accepted, feature] = neutral[key] as (typeof neutral)[string]
    if (accepted.includes(value)) continue
    throw configError(file, `model_args.${key} is ${shown(value)}: Vitrine does not have ${feature}`)
  }
}

/** The model of Vitrine's own part of the file, which must agree with timm's in all that timm can say. */
function ownModel(vitrine: unknown, told: ModelConfig, file: string): ModelConfig {
  if (!isObject(vitrine) || vitrine.model === undefined) return told
  if (!isObject(vitrine.model)) throw configError(file, `vitrine.model must be an object, got ${shown(vitrine.model)}`)
  const unknown = Object.keys(vitrine.model).find((field) => !Object.hasOwn(told, field))
  if (unknown !== undefined) throw configError(file, `vitrine.model.${unknown} is not a field of a model`)
  const model = checkedModel(file, { ...told, ...(vitrine.model as Partial<ModelConfig>) })
  const { architecture, model_args } = described(model)
  // A ResNet's size is no argument of it.
  const cfg = { input_size: [model.channels, ...model.imageSize] }
  const expected: Json = { ...structure({ architecture, num_classes: model.classes }, cfg, model_args, file) }
  const own: Json = { ...model }
  for (const [field, value] of Object.entries(told)) {
    if (field === "layerNormEpsilon") continue
    if (JSON.stringify(expected[field]) !== JSON.stringify(value))
      throw configError(file, `vitrine.model.${field} is ${shown(own[field])}, but timm's fields say ${shown(value)}`)
  }
  return model
}

const timmNames = {
  interpolation: "pretrained_cfg.interpolation",
  cropPct: "pretrained_cfg.crop_pct",
  cropMode: "pretrained_cfg.crop_mode",
  mean: "pretrained_cfg.mean",
  std: "pretrained_cfg.std",
}

function preprocessing(cfg: Json, config: ModelConfig, file: string): Preprocessing {
  const { imageSize, channels } = config
  const read = fieldReader(file)
  if (cfg.input_size !== undefined && cfg.fixed_input_size !== true) {
    const [, height, width] = read.counts("pretrained_cfg.input_size", cfg.input_size, 3)
    if (height !== imageSize[0] || width !== imageSize[1])
      throw configError(
        file,
        `pretrained_cfg.input_size is ${height}×${width}, but the model takes ${imageSize[0]}×${imageSize[1]}`,
      )
  }
  const fields = {
    interpolation: cfg.interpolation ?? "bicubic",
    cropPct: cfg.crop_pct ?? 0.875,
    cropMode: cfg.crop_mode ?? "center",
    mean: cfg.mean ?? imageNet(imageNetMean, channels),
    std: cfg.std ?? imageNet(imageNetStd, channels),
  }
  return checkPreprocessing(fields, config, file, timmNames)
}

/** For other than three channels timm takes the mean of the three. */
const imageNet = (values: readonly number[], channels: number): readonly number[] =>
  channels === 3 ? values : [values.reduce((sum, value) => sum + value) / 3]

function labels(json: Json, cfg: Json, { classes }: ModelConfig, file: string): string[] | null {
  const names = json.label_names ?? cfg.label_names ?? json.labels ?? cfg.labels
  return names === undefined || names === null || classes === 0 ? null : classNames("label_names", names, classes, file)
}

/** A list of names, or an object of names by index; classes that it leaves out are called by their index. */
export function classNames(field: string, names: unknown, classes: number, file: string): string[] {
  if (!(Array.isArray(names) ? names.length === classes : isObject(names)))
    throw configError(file, `${field} must hold ${classes} names, got ${shown(names)}`)
  const found = Array.from({ length: classes }, (_, index) => String(index))
  for (const [key, name] of Object.entries(names as Json)) {
    const index = Number(key)
    if (!Number.isInteger(index) || index < 0 || index >= classes)
      throw configError(file, `${field} has ${shown(key)}, but the model has ${classes} classes`)
    if (typeof name !== "string") throw configError(file, `${field} of class ${index} is ${shown(name)}, not text`)
    found[index] = name
  }
  return found
}
