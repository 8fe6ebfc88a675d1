/**
 * The `config.json` of a model folder, in timm's format:
 * https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/_hub.py
 */
import { VitrineError } from "@vitrine/core"
import * as v from "valibot"
import type { ModelDescription, ModelHints } from "./description.ts"
import { configError, shown } from "./errors.ts"
import type { Family } from "./families/family.ts"
import type { TimmFormat } from "./families/formats.ts"
import { checkedConfig, familyOf, familyOfArchitecture, fromFamilies, imageModel } from "./families/index.ts"
import { isObject, type Json } from "./json.ts"
import { classNames } from "./labels.ts"
import type { ModelConfig } from "./model-config.ts"
import {
  cropMode,
  cropPct,
  imageNetMean,
  imageNetStd,
  interpolation,
  type Preprocessing,
  standardDeviations,
} from "./preprocessing.ts"
import { type ProblemType, readProblemType } from "./problem-type.ts"
import { count, flag, number, object, parse, perChannel, type Schema, text } from "./schema.ts"
import { type ShapedSource, sourceTensors, type TensorNames } from "./sources.ts"
import { checkTensors } from "./tensors.ts"
import { timmArchitecture } from "./timm-names.ts"
import type { WeightSources } from "./weights.ts"

/** A `config.json` that timm reads. Fields that only Vitrine reads are under `vitrine`. */
export interface TimmConfig {
  readonly architecture: string
  readonly num_classes: number
  readonly num_features: number
  readonly global_pool: "token" | "avg" | "map"
  readonly model_args: Json
  readonly pretrained_cfg: Json
  readonly label_names?: readonly string[]
  readonly problem_type?: ProblemType
  readonly vitrine: { readonly model: ModelConfig; readonly [key: string]: unknown }
}

/** What a timm model folder holds besides the configuration and the weights. */
export interface TimmExtra {
  readonly preprocessing: Preprocessing
  /** The names of the classes, in the order of the logits. */
  readonly labels?: readonly string[] | null | undefined
  readonly problemType?: ProblemType | null | undefined
  /** JSON data of Vitrine, such as the recipe, the data set and the seed. */
  readonly vitrine?: Json | undefined
}

/**
 * The `config.json` of a model. `timm.create_model(architecture, num_classes=num_classes, **model_args)` builds the
 * same model, except for the properties that `beyondTimm` lists. So does `timm.create_model("local-dir:FOLDER")`.
 */
export async function toTimmConfig(config: ModelConfig, extra: TimmExtra): Promise<TimmConfig> {
  const { preprocessing, labels, problemType, vitrine } = extra
  const format = await familyOf(config).formats.timm()
  const { architecture, num_features, global_pool, model_args, pretrained_cfg } = format.write(config)
  const { fixed_input_size, ...layers } = pretrained_cfg
  return {
    architecture,
    num_classes: config.classes,
    num_features,
    global_pool,
    ...(labels && { label_names: labels }),
    ...(problemType && { problem_type: problemType }),
    model_args,
    pretrained_cfg: {
      custom_load: false,
      input_size: [config.channels, ...config.imageSize],
      fixed_input_size,
      interpolation: preprocessing.interpolation,
      crop_pct: preprocessing.cropPct,
      crop_mode: preprocessing.cropMode,
      mean: preprocessing.mean,
      std: preprocessing.std,
      num_classes: config.classes,
      pool_size: null,
      ...layers,
    },
    vitrine: { ...vitrine, model: config },
  }
}

/**
 * The configuration of timm's model of this name, with the image size in its name, or undefined if Vitrine has no such model.
 * A tag of weights, as in `vit_tiny_patch16_224.augreg_in21k`, is passed over.
 */
export async function timmModel(name: string): Promise<ModelConfig | undefined> {
  const architecture = timmArchitecture(name)
  const format = await familyOfArchitecture(architecture)?.formats.timm()
  if (!format?.has(architecture)) return undefined
  const side = Number(/_(\d{2,4})$/.exec(architecture)?.[1] ?? 224)
  const pretrained = { input_size: [3, side, side], fixed_input_size: true } as const
  return format.read({ architecture, model_args: {}, pretrained, at: "" }, name)
}

/**
 * The properties of a model that timm's arguments cannot express. Without them timm cannot load the weights, or
 * computes other values.
 */
export async function beyondTimm(config: ModelConfig): Promise<string[]> {
  return (await familyOf(config).formats.timm()).beyond(config)
}

/**
 * The `config.json` of a model for timm, and notes about properties that it cannot express, one line each.
 * @throws VitrineError (config) for a model that timm does not have.
 */
export async function toTimm({
  config,
  preprocessing,
  labels,
  problemType,
}: ModelDescription): Promise<{ readonly config: TimmConfig; readonly notes: readonly string[] }> {
  const format = await familyOf(config).formats.timm()
  const near = format.nearest(config)
  const reasons = format.beyond(near.config)
  if (reasons.length > 0)
    throw new VitrineError("config", `timm does not have this model, with ${reasons.join(" and ")}: export it to onnx`)
  const fitted = timmPreprocessing(preprocessing)
  const json = await toTimmConfig(config, { preprocessing: fitted.preprocessing, labels, problemType })
  return { config: json, notes: [...fitted.notes, ...near.notes] }
}

/** What Vitrine lacks of timm's other models in these modules. */
const otherParts: readonly (readonly [names: RegExp, reason: string])[] = [
  [/^vit_d(pwee|wee|little)_/, "its attention is differential"],
  [/_resnet\d+d_|_mci_/, "its patches come from a network of another kind"],
  [/_sapiens2$/, "its queries share keys, and it norms by the root mean square"],
  [/^resnetv2_/, "it is no ResNet of BiT's"],
]

/**
 * Converts preprocessing with Hugging Face's geometry to timm's fields, with a note for each difference that remains.
 */
function timmPreprocessing({ resize, resizePrecision, ...plain }: Preprocessing): {
  readonly preprocessing: Preprocessing
  readonly notes: readonly string[]
} {
  const { size } = plain
  const rounded = resizePrecision === "float" ? ["timm resizes images in whole bytes, this model as numbers"] : []
  if (resize === undefined) return { preprocessing: plain, notes: rounded }
  if (resize === null) return { preprocessing: plain, notes: ["timm resizes images, which this model only crops"] }
  const target = typeof resize === "number" ? ([resize, resize] as const) : resize
  const scaled = (share: number): string => size.map((side) => Math.floor(side / share)).join("×")
  const cropPct = [plain.cropPct, size[0] / (target[0] + 0.5)].find((share) => scaled(share) === target.join("×"))
  if (cropPct === undefined) {
    const sides = typeof resize === "number" ? `a shorter side of ${resize}` : resize.join("×")
    const other = `timm resizes images to ${scaled(plain.cropPct)}, this model to ${sides}`
    return { preprocessing: plain, notes: [other, ...rounded] }
  }
  const note =
    "where the middle of an image lies between two pixels, timm begins its crop at the even one and this model at the upper left one"
  const odd = typeof resize === "number" || [resize[0] - size[0], resize[1] - size[1]].some((rest) => rest % 4 === 3)
  return { preprocessing: { ...plain, cropPct }, notes: odd ? [note, ...rounded] : rounded }
}

const fileSchema = object({
  architecture: text,
  num_classes: v.nullish(number),
  model_args: v.nullish(object({}), {}),
  vitrine: v.nullish(object({}), {}),
})

const threeCounts = v.strictTuple([count, count, count])
const inputSize = v.custom<readonly [number, number, number]>((value) => v.is(threeCounts, value), "3 counts")

const pretrainedSchema = object({
  input_size: v.optional(inputSize),
  fixed_input_size: v.nullish(flag),
  global_pool: v.nullish(text),
  num_classes: v.nullish(number),
})

/**
 * Reads a `config.json` of timm or Vitrine. Missing fields have timm's defaults. Dropout rates that a configuration has no
 * field for are ignored: `drop_rate`, `patch_drop_rate`, and a `pos_drop_rate` other than `proj_drop_rate`. The model
 * takes images of the size in the file, also with `dynamic_img_size`.
 * @param hints decide if the preprocessing in the file contradicts the model
 * @param file the name of the file in errors
 * @throws VitrineError (config) for an impossible model, or one with features that Vitrine does not have
 */
export async function fromTimmConfig(json: unknown, file: string, hints: ModelHints = {}): Promise<ModelDescription> {
  if (!isObject(json)) throw configError(file, `must hold an object, got ${shown(json)}`)
  if (json.architecture === undefined)
    throw configError(file, `has no "architecture": it does not describe a timm model`)
  // In the older format the whole file is a `pretrained_cfg`.
  const at = json.pretrained_cfg === undefined ? "" : "pretrained_cfg"
  const { num_classes, model_args, vitrine, architecture: tagged } = parse(fileSchema, json, file)
  const pretrained = parse(pretrainedSchema, at === "" ? json : json.pretrained_cfg, file, at)
  const architecture = timmArchitecture(tagged)
  const family = familyOfArchitecture(architecture)
  const format = await family?.formats.timm()
  if (family === undefined || !format?.has(architecture)) {
    const models = fromFamilies((each) => [each.architectures]).join(", nor ")
    const [, reason] = otherParts.find(([names]) => names.test(architecture)) ?? []
    const because = reason === undefined ? "" : `: ${reason}`
    throw configError(file, `architecture ${shown(json.architecture)} is not ${models}${because}`)
  }
  const timms = format.read({ architecture, num_classes, model_args, pretrained, at }, file)
  const config = vitrineModel(vitrine.model, timms, family, format, file)
  const names = json.label_names ?? pretrained.label_names ?? json.labels ?? pretrained.labels
  const named = names == null || config.classes === 0 ? null : classNames("label_names", names, config.classes, file)
  const problemType = readProblemType(json, config.classes, file)
  const preprocessing = readPreprocessing(
    { pretrained, at, dynamic: model_args.dynamic_img_size === true },
    config,
    file,
    hints,
  )
  const notes = [...(named?.notes ?? [])]
  // Vitrine's own files say all.
  if (vitrine.model === undefined) {
    if (config.classes === 0) notes.push(`has no classes: its features are ${family.describe(config).features}`)
    if (pretrained.mean == null && hints.mean === undefined)
      notes.push(
        `does not say how images are prepared: as timm does then, with mean ${preprocessing.mean.join(", ")} and crop_pct ${preprocessing.cropPct}`,
      )
  }
  return {
    config,
    preprocessing,
    labels: named?.labels ?? null,
    positionMethod: "timm",
    ...(problemType !== null && { problemType }),
    ...(notes.length > 0 && { notes }),
  }
}

/** The configuration under `vitrine.model`. Where timm's fields describe the same property, both must agree. */
function vitrineModel(
  model: unknown,
  timms: ModelConfig,
  family: Family,
  format: TimmFormat,
  file: string,
): ModelConfig {
  if (model === undefined) return timms
  const at = "vitrine.model"
  const config = checkedConfig(family, { ...timms, ...parse(family.schema, model, file, at) }, at, file)
  const { architecture, model_args } = format.write(config)
  const { classes, channels, imageSize } = config
  // timm's arguments of a ResNet do not include the image size.
  const pretrained = { input_size: [channels, ...imageSize] as const }
  const expected: Json = {
    ...format.read({ architecture, num_classes: classes, model_args, pretrained, at: "" }, file),
  }
  const values: Json = { ...config }
  for (const [field, value] of Object.entries(timms)) {
    if (field === "layerNormEpsilon") continue
    if (JSON.stringify(expected[field]) !== JSON.stringify(value))
      throw configError(file, `${at}.${field} is ${shown(values[field])}, but timm's fields say ${shown(value)}`)
  }
  return config
}

function readPreprocessing(
  { pretrained, at, dynamic }: { readonly pretrained: Json; readonly at: string; readonly dynamic: boolean },
  config: ModelConfig,
  file: string,
  hints: ModelHints,
): Preprocessing {
  const { channels } = config
  // Numbers of the caller that do not fit are refused under their own name, by the overrides.
  const fits = (values: readonly number[]): boolean => values.length === 1 || values.length === channels
  const isPositive = (value: number): boolean => value > 0
  const said = {
    ...pretrained,
    ...(hints.mean && { mean: fits(hints.mean) ? hints.mean : null }),
    ...(hints.std && { std: fits(hints.std) && hints.std.every(isPositive) ? hints.std : null }),
  }
  const cfg = parse(
    object({
      input_size: v.optional(inputSize),
      interpolation: v.nullish(interpolation, "bicubic"),
      crop_pct: v.nullish(cropPct, 0.875),
      crop_mode: v.nullish(cropMode, "center"),
      mean: v.nullish(averaged(channels), [...imageNetMean]),
      std: v.nullish(averaged(channels), [...imageNetStd]),
    }),
    said,
    file,
    at,
  )
  const [, ...size] = cfg.input_size ?? []
  const [, height, width] = cfg.input_size ?? []
  const sized = dynamic && height !== undefined && width !== undefined
  const imageSize = sized ? ([height, width] as const) : config.imageSize
  if (
    hints.imageSize === undefined &&
    cfg.input_size !== undefined &&
    pretrained.fixed_input_size !== true &&
    size.join() !== imageSize.join()
  )
    throw configError(
      file,
      `${at === "" ? "" : `${at}.`}input_size is ${size.join("×")}, but the model takes ${imageSize.join("×")}`,
    )
  const std = parse(standardDeviations(channels), cfg.std, file, at === "" ? "std" : `${at}.std`)
  return {
    size: imageSize,
    interpolation: cfg.interpolation,
    cropPct: cfg.crop_pct,
    cropMode: cfg.crop_mode,
    mean: cfg.mean,
    std,
  }
}

/** A number for each channel. If there are three numbers but not three channels, it is their mean, as in timm's `adapt_to_chs`. */
const averaged = (channels: number): Schema<readonly number[]> =>
  v.pipe(
    v.unknown(),
    v.transform((values) => (v.is(numbers, values) && values.length === 3 && channels !== 3 ? [mean(values)] : values)),
    perChannel(channels),
  )
const numbers = v.array(v.pipe(v.number(), v.finite()))
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value) / values.length

/**
 * The tensor of each parameter in a file with timm's names, which are also Vitrine's. All names may have the prefix of a
 * wrapper, such as `module.`.
 * @throws VitrineError (file) for missing, misshapen and unexpected tensors
 */
export async function timmSources(header: TensorNames, config: ModelConfig, file: string): Promise<WeightSources> {
  const { parameters } = imageModel(config)
  const format = await familyOf(config).formats.timm()
  const shapes = new Map(header.tensors.map(({ name, shape }) => [name, shape]))
  const prefix = wrapperOf(header, familyOf(config).firstConvolution(config))
  const sources = new Map(
    parameters.map(({ name, shape }): [string, ShapedSource] => {
      const resized = format.resized?.(name, shapes.get(prefix + name) ?? [], config)
      return [name, { shapes: [shape], ...resized, from: [prefix + name] }]
    }),
  )
  checkTensors(header, sourceTensors(sources), file)
  return new Map(Array.from(sources, ([name, { from, make }]) => [name, { from, ...(make && { make }) }]))
}

/** The prefix of all names in the weights of a wrapped model, such as `module.` or `_orig_mod.`. */
function wrapperOf({ tensors }: TensorNames, layer: string): string {
  const name = `${layer}.weight`
  const wrapped = tensors.find((tensor) => tensor.name === name || tensor.name.endsWith(`.${name}`))
  return wrapped?.name.slice(0, -name.length) ?? ""
}
