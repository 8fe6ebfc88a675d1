/**
 * Detectors: DETR with the weight names of Vitrine's runs, of facebookresearch/detr and of Hugging Face's transformers.
 * https://github.com/facebookresearch/detr
 * https://github.com/huggingface/transformers/tree/main/src/transformers/models/detr
 */
import { vitConfig } from "@vitrine/core"
import type { Interpolation } from "@vitrine/data"
import { type DetrConfig, detrConfig, detrParameters } from "@vitrine/detection"
import { type ResNetConfig, resnetConfig } from "@vitrine/resnet"
import * as v from "valibot"
import { configError, fileError, inFile, shown } from "./errors.ts"
import { schema as vitSchema } from "./families/vit/schema.ts"
import { withoutNulls } from "./huggingface-preprocessor.ts"
import { pillowFilters } from "./huggingface-filters.ts"
import { isObject, type Json } from "./json.ts"
import { classNames } from "./labels.ts"
import { openWeights } from "./model.ts"
import type { ModelFiles } from "./model-files.ts"
import { imageNetMean, imageNetStd, standardDeviations } from "./preprocessing.ts"
import { flag, listOf, number, object, oneOf, only, pair, parse, perChannel, type Schema, text } from "./schema.ts"
import { isTaskConfig, otherDetector } from "./task.ts"
import { checkTensors } from "./tensors.ts"
import type { Weights, WeightSources } from "./weights.ts"

/** The preparation of a detector's images: they are resized, normalised, and padded with zeros at the right and below. */
export interface DetectorPreprocessing {
  /** The length of the resized shorter side. It is smaller if the image would not fit into `within`. */
  readonly shortest: number
  /** The greatest height and width. */
  readonly within: readonly [height: number, width: number]
  /**
   * The size after resizing, which replaces `shortest` and `within`. `fit` is the largest size within [height, width],
   * even if it enlarges the image. `exact` is [height, width] itself. With null, images are not resized.
   */
  readonly resize?: { readonly to: "fit" | "exact"; readonly size: readonly [height: number, width: number] } | null
  /** The default is bilinear. */
  readonly interpolation?: Interpolation
  /** The size to which every image is padded. By default images are padded only if the model accepts only one size. */
  readonly padSize?: readonly [height: number, width: number]
  /** A value for each channel, for pixels in [0, 1]. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/**
 * A detector. Only the headers of its weights have been read. `parameterReader(weights, sources)` reads its parameters.
 */
export interface OpenDetector {
  readonly config: DetrConfig
  /** The names of the classes, in the order of the logits, or null if the files have none. */
  readonly labels: readonly string[] | null
  readonly preprocessing: DetectorPreprocessing
  readonly weights: Weights
  readonly sources: WeightSources
  /** The parsed `config.json`, or null if there is none. */
  readonly json: unknown
  /** Notes for users of the model about parts that were left out or assumed, a line each. */
  readonly notes: readonly string[]
}

/** Facts that weights without a `config.json` leave open. */
export interface DetectorHints {
  /** The number of attention heads; 8 by default. */
  readonly heads?: number | undefined
  /** Whether the backbone's last stage is dilated (DC5); false by default. */
  readonly dilated?: boolean | undefined
}

const kindOf = ({ model_type: type, architecture }: Json): string =>
  type === undefined ? `architecture is ${shown(architecture)}` : `model_type is ${shown(type)}`

const fileSchema = object({
  architecture: v.nullish(text),
  model_type: v.nullish(text),
  id2label: v.nullish(object({})),
})

/**
 * Opens the detector of a folder:
 * - a run of Vitrine;
 * - Hugging Face's `DetrForObjectDetection`, with ResNets of timm or of transformers;
 * - weights of facebookresearch's DETR without a `config.json`. The configuration follows from them.
 * @throws VitrineError (file, config) for files that are missing or broken, and for models that are no DETR, or a DETR
 *   with features that Vitrine does not have
 */
export async function openDetector(
  files: ModelFiles,
  weightsFile = "model.safetensors",
  hints: DetectorHints = {},
): Promise<OpenDetector> {
  const file = files.nameOf("config.json")
  const json = (await files.json("config.json")) ?? null
  if (json === null) return openWeightsAlone(files, weightsFile, hints)
  const fields = parse(fileSchema, json, file)
  const other = otherDetector(json)
  if (other !== null) throw configError(file, other)
  if (!isTaskConfig(json, "detect"))
    throw configError(file, `is of no detector: its ${kindOf(fields)}; vitrine predict says what images show`)
  const { weights, name } = await openWeights(files, weightsFile)
  const renamed = publishedNames(weights, name)
  if (fields.model_type == null) {
    const model = vitrineModel(fields, file)
    return { ...model, ...sourcesOf(renamed, weights, model.config, name), json, notes: [] }
  }
  const config = huggingFaceModel(fields, renamed.shapes, file, name)
  const { id2label } = fields
  const named = id2label == null ? null : classNames("id2label", id2label, config.classes, file)
  const processor = await files.json("preprocessor_config.json")
  const preprocessing =
    processor === undefined ? published : readPreprocessor(processor, files.nameOf("preprocessor_config.json"))
  const prepared = processor === undefined ? ["has no preprocessor_config.json: images are prepared as DETR's are"] : []
  const notes = [...prepared, ...(named?.notes ?? [])]
  return {
    config,
    labels: named?.labels ?? null,
    preprocessing,
    ...sourcesOf(renamed, weights, config, name),
    json,
    notes,
  }
}

/** Opens weights of facebookresearch's DETR. */
async function openWeightsAlone(files: ModelFiles, weightsFile: string, hints: DetectorHints): Promise<OpenDetector> {
  const { weights, name } = await openWeights(files, weightsFile)
  const renamed = publishedNames(weights, name)
  const dim = renamed.shapes.get("query_embed.weight")?.[1] ?? 0
  if (hints.heads === undefined && dim % 8 !== 0)
    throw configError(
      name,
      `the weights do not tell the number of heads, which is not 8 as usual with a width of ${dim}: say it (--num-heads)`,
    )
  const { heads = 8, dilated = false } = hints
  const fields = fromShapes(renamed.shapes, dilated, name)
  const config = inFile(name, () => detrConfig({ ...fields, heads }))
  const assumed = [
    ...(hints.heads === undefined ? ["8 heads (--num-heads)"] : []),
    ...(hints.dilated === undefined ? ["no dilation (--dilation)"] : []),
  ].join(" and ")
  const notes = assumed === "" ? [] : [`has no config.json: it is taken to have ${assumed}, as DETR has`]
  const preprocessing = published
  return { config, labels: null, preprocessing, ...sourcesOf(renamed, weights, config, name), json: null, notes }
}

/** The preprocessing of the published models. */
const published: DetectorPreprocessing = { shortest: 800, within: [1333, 1333], mean: imageNetMean, std: imageNetStd }

/** Weights with facebookresearch's names. */
interface Renamed {
  readonly shapes: ReadonlyMap<string, readonly number[]>
  /** The tensors of the file for each parameter, in order. */
  readonly from: ReadonlyMap<string, readonly string[]>
}

function publishedNames({ tensors }: Pick<Weights, "tensors">, file: string): Renamed {
  const shapes = new Map<string, readonly number[]>()
  const from = new Map<string, string[]>()
  for (const { name, shape } of tensors) {
    // This tensor counts batches of a norm. Nothing reads it.
    if (name.endsWith(".num_batches_tracked")) continue
    const { parameter, part, parts } = publishedName(name)
    const sources = from.get(parameter) ?? new Array<string>(parts).fill("")
    if (sources[part] !== "") throw fileError(file, `two tensors stand for ${shown(parameter)}: ${shown(name)} is one`)
    sources[part] = name
    from.set(parameter, sources)
    shapes.set(
      parameter,
      shape.map((size, axis) => (axis === 0 ? size * parts : size)),
    )
  }
  for (const [parameter, sources] of from)
    if (sources.includes(""))
      throw fileError(file, `has not all tensors of ${shown(parameter)}: ${sources.filter(Boolean).join(", ")} alone`)
  return { shapes, from }
}

interface PublishedName {
  readonly parameter: string
  /** The index of the part, of `parts` equal ones along the first axis. */
  readonly part: number
  readonly parts: number
}

const inHead: readonly (readonly [RegExp, string])[] = [
  [/^model\.input_projection\./, "input_proj."],
  [/^model\.query_position_embeddings\./, "query_embed."],
  [/^model\.decoder\.layernorm\./, "transformer.decoder.norm."],
  [/^class_labels_classifier\./, "class_embed."],
  [/^bbox_predictor\./, "bbox_embed."],
]
/** Names within a layer. Norms are numbered in the order of computation. */
const inLayer: readonly (readonly [RegExp, string])[] = [
  [/^encoder_attn\./, "multihead_attn."],
  [/\.o_proj\./, ".out_proj."],
  [/^(?:mlp\.)?fc([12])\./, "linear$1."],
  [/^self_attn_layer_norm\./, "norm1."],
  [/^encoder_attn_layer_norm\./, "norm2."],
]

/** facebookresearch's name of a tensor in files of transformers 4 or 5. Other names are returned unchanged. */
function publishedName(name: string): PublishedName {
  const whole = (parameter: string): PublishedName => ({ parameter, part: 0, parts: 1 })
  const [, inBackbone] = /^model\.backbone\.(?:conv_encoder\.)?model\.(.*)$/.exec(name) ?? []
  if (inBackbone !== undefined) return whole(`backbone.0.body.${torchvisionName(inBackbone)}`)
  const [, side, index, rest] = /^model\.(encoder|decoder)\.layers\.(\d+)\.(.*)$/.exec(name) ?? []
  if (rest === undefined) return whole(inHead.reduce((renamed, [from, to]) => renamed.replace(from, to), name))
  const final = side === "encoder" ? "norm2." : "norm3."
  const path = inLayer.reduce((t, [from, to]) => t.replace(from, to), rest.replace(/^final_layer_norm\./, final))
  const at = `transformer.${side}.layers.${index}.`
  const [, attention, letter, leaf] = /^(.*)\.([qkv])_proj\.(weight|bias)$/.exec(path) ?? []
  if (letter === undefined) return whole(at + path)
  return { parameter: `${at}${attention}.in_proj_${leaf}`, part: "qkv".indexOf(letter), parts: 3 }
}

/** torchvision's name of a tensor in a ResNet of transformers. timm's names equal torchvision's. */
function torchvisionName(name: string): string {
  const leaf = (kind: string, index: string): string => (kind === "convolution" ? `conv${index}` : `bn${index}`)
  return name
    .replace(/^embedder\.embedder\.(convolution|normalization)\./, (_, kind: string) => `${leaf(kind, "1")}.`)
    .replace(
      /^encoder\.stages\.(\d+)\.layers\.(\d+)\.layer\.(\d+)\.(convolution|normalization)\./,
      (_, stage: string, block: string, index: string, kind: string) =>
        `layer${Number(stage) + 1}.${block}.${leaf(kind, String(Number(index) + 1))}.`,
    )
    .replace(
      /^encoder\.stages\.(\d+)\.layers\.(\d+)\.shortcut\.(convolution|normalization)\./,
      (_, stage: string, block: string, kind: string) =>
        `layer${Number(stage) + 1}.${block}.downsample.${kind === "convolution" ? 0 : 1}.`,
    )
}

/** The sources of all parameters. Their shapes are checked. */
function sourcesOf(
  { shapes, from }: Renamed,
  weights: Weights,
  config: DetrConfig,
  file: string,
): { readonly weights: Weights; readonly sources: WeightSources } {
  const parameters = detrParameters(config)
  const dtypes = new Map(weights.tensors.map(({ name, dtype }) => [name, dtype]))
  const tensors = [...shapes].map(([name, shape]) => ({
    name,
    shape,
    dtype: dtypes.get(from.get(name)?.[0] ?? "") ?? "F32",
  }))
  checkTensors({ tensors }, parameters, file)
  return { weights, sources: new Map(parameters.map(({ name }) => [name, { from: from.get(name) ?? [] }])) }
}

/** The fields of a detector with a ResNet that follow from the names and shapes of tensors. */
function fromShapes(shapes: Renamed["shapes"], dilated: boolean, file: string): Partial<DetrConfig> {
  const axis = (name: string, at: number): number => {
    const size = shapes.get(name)?.[at]
    if (size === undefined) throw fileError(file, `holds no DETR: there is no ${shown(name)} with ${at + 1} axes`)
    return size
  }
  const depth = (side: string): number => {
    let count = 0
    while (shapes.has(`transformer.${side}.layers.${count}.linear1.weight`)) count++
    return count
  }
  const body = "backbone.0.body."
  if (!shapes.has(`${body}conv1.weight`))
    throw fileError(file, `holds no DETR on a ResNet: there is no ${shown(`${body}conv1.weight`)}`)
  const last = shapes.has(`${body}layer1.0.conv3.weight`) ? "conv3" : "conv2"
  const widths: number[] = []
  const depths: number[] = []
  for (let stage = 1; shapes.has(`${body}layer${stage}.0.${last}.weight`); stage++) {
    let blocks = 0
    while (shapes.has(`${body}layer${stage}.${blocks}.${last}.weight`)) blocks++
    widths.push(axis(`${body}layer${stage}.0.${last}.weight`, 0))
    depths.push(blocks)
  }
  const resnet: Partial<ResNetConfig> = {
    channels: axis(`${body}conv1.weight`, 1),
    stemWidth: axis(`${body}conv1.weight`, 0),
    block: last === "conv3" ? "bottleneck" : "basic",
    widths,
    depths,
    norm: "frozen",
    dilated,
  }
  return {
    backbone: { kind: "resnet", config: inFile(file, () => resnetConfig(resnet)) },
    classes: axis("class_embed.weight", 0) - 1,
    queries: axis("query_embed.weight", 0),
    dim: axis("query_embed.weight", 1),
    encoderDepth: depth("encoder"),
    decoderDepth: depth("decoder"),
    mlpDim: axis("transformer.decoder.layers.0.linear1.weight", 0),
    normFirst: shapes.has("transformer.encoder.norm.weight"),
  }
}

const resnetSchema = only("a backbone", {
  channels: v.exactOptional(number),
  stemWidth: v.exactOptional(number),
  block: v.exactOptional(oneOf(["basic", "bottleneck"])),
  widths: v.exactOptional(listOf(number)),
  depths: v.exactOptional(listOf(number)),
  norm: v.exactOptional(oneOf(["frozen", "group"])),
  dilated: v.exactOptional(flag),
})

const backboneSchema = v.variant(
  "kind",
  [
    v.strictObject({ kind: v.literal("resnet"), config: resnetSchema }),
    v.strictObject({ kind: v.literal("vit"), config: vitSchema }),
  ],
  "one of resnet, vit",
)

const detectorSchema = only("a detector", {
  backbone: backboneSchema,
  classes: v.exactOptional(number),
  queries: v.exactOptional(number),
  dim: v.exactOptional(number),
  heads: v.exactOptional(number),
  encoderDepth: v.exactOptional(number),
  decoderDepth: v.exactOptional(number),
  mlpDim: v.exactOptional(number),
  normFirst: v.exactOptional(flag),
  chainedNorm: v.exactOptional(flag),
  dropout: v.exactOptional(number),
})

const imageSize = v.pipe(
  pair,
  v.check((size) => size.every((side) => side >= 1 && side <= 16384), "[height, width] from 1 to 16384 pixels"),
)

const runSchema = object({ vitrine: object({ detector: detectorSchema, imageSize }) })

/** Adds defaults to a backbone from a file. */
function fullBackbone(backbone: v.InferOutput<typeof backboneSchema>): DetrConfig["backbone"] {
  return backbone.kind === "resnet"
    ? { kind: "resnet", config: resnetConfig(backbone.config) }
    : { kind: "vit", config: vitConfig(backbone.config) }
}

/** The model of a Vitrine run. Its `config.json` has the configuration under `vitrine.detector`. */
function vitrineModel(json: Json, file: string): Pick<OpenDetector, "config" | "labels" | "preprocessing"> {
  const { detector, imageSize: within, ...record } = parse(runSchema, json, file).vitrine
  const config = inFile(file, () => detrConfig({ ...detector, backbone: fullBackbone(detector.backbone) }), {
    "": "vitrine.detector",
  })
  const { channels } = config.backbone.config
  const schema = object({ mean: perChannel(channels), std: standardDeviations(channels) })
  const { mean, std } = parse(schema, record, file, "vitrine")
  const named = json.label_names == null ? null : classNames("label_names", json.label_names, config.classes, file)
  const labels = named?.labels ?? null
  return { config, labels, preprocessing: { shortest: Math.min(...within), within, mean, std } }
}

const huggingFaceSchema = object({
  activation_function: v.nullish(oneOf(["relu"])),
  position_embedding_type: v.nullish(oneOf(["sine"])),
  backbone_config: v.nullish(
    object({
      output_stride: v.nullish(v.picklist([16, 32], "one of 16, 32"), 32),
      downsample_in_bottleneck: v.nullish(flag),
      downsample_in_first_stage: v.nullish(flag),
    }),
  ),
  dilation: v.nullish(flag, false),
  dropout: v.nullish(number, 0.1),
  d_model: v.nullish(number, 256),
  num_queries: v.nullish(number, 100),
  encoder_layers: v.nullish(number, 6),
  decoder_layers: v.nullish(number, 6),
  encoder_attention_heads: v.nullish(number, 8),
  decoder_attention_heads: v.nullish(number, 8),
  encoder_ffn_dim: v.nullish(number, 2048),
  decoder_ffn_dim: v.nullish(number, 2048),
  auxiliary_loss: v.nullish(flag, false),
})

/** The model that Hugging Face's `config.json` describes, with the backbone that follows from the weights. */
function huggingFaceModel(json: Json, shapes: Renamed["shapes"], file: string, weightsFile: string): DetrConfig {
  const fields = parse(huggingFaceSchema, json, file)
  const backbone = fields.backbone_config
  if (backbone?.downsample_in_bottleneck === true || backbone?.downsample_in_first_stage === true)
    throw configError(file, "backbone_config halves the resolution where torchvision's ResNets do not")
  for (const [field, encoder, decoder] of [
    ["attention_heads", fields.encoder_attention_heads, fields.decoder_attention_heads],
    ["ffn_dim", fields.encoder_ffn_dim, fields.decoder_ffn_dim],
  ] as const)
    if (encoder !== decoder)
      throw configError(
        file,
        `encoder_${field} is ${encoder}, but decoder_${field} ${decoder}: Vitrine has one for both`,
      )
  const { encoder_attention_heads: heads, dropout } = fields
  const dilated = fields.dilation || backbone?.output_stride === 16
  const weights = fromShapes(shapes, dilated, weightsFile)
  for (const [path, field, value] of [
    ["d_model", "dim", fields.d_model],
    ["num_queries", "queries", fields.num_queries],
    ["encoder_layers", "encoderDepth", fields.encoder_layers],
    ["decoder_layers", "decoderDepth", fields.decoder_layers],
    ["decoder_ffn_dim", "mlpDim", fields.decoder_ffn_dim],
  ] as const)
    if (weights[field] !== value)
      throw configError(file, `${path} says ${field} ${value}, but the weights have ${weights[field]}`)
  const paths = { heads: "encoder_attention_heads", dropout: "dropout" }
  return inFile(file, () => detrConfig({ ...weights, heads, dropout, chainedNorm: fields.auxiliary_loss }), paths)
}

const side = "from 1 to 16384 pixels"
const pixels = v.pipe(number, v.integer(side), v.minValue(1, side), v.maxValue(16384, side))

const preprocessorSchema = object({
  image_processor_type: v.nullish(text),
  feature_extractor_type: v.nullish(text),
  do_resize: v.nullish(flag, true),
  do_pad: v.nullish(flag),
  pad_and_return_pixel_mask: v.nullish(flag),
  pad_size: v.nullish(object({ height: pixels, width: pixels })),
  resample: v.nullish(v.unknown()),
  do_normalize: v.nullish(flag, true),
  do_rescale: v.nullish(flag, true),
  rescale_factor: v.nullish(
    v.pipe(
      number,
      v.check((factor) => factor > 0, "above 0"),
    ),
    1 / 255,
  ),
  image_mean: v.nullish(v.unknown(), [...imageNetMean]),
  image_std: v.nullish(v.unknown(), [...imageNetStd]),
})

/** Image processors of transformers that compute the same as DETR's. */
const processors = /^(Detr|ConditionalDetr|DeformableDetr)(ImageProcessor(Fast|Pil)?|FeatureExtractor)$/

/** Reads a `preprocessor_config.json` of `DetrImageProcessor`, of any version. */
function readPreprocessor(json: unknown, file: string): DetectorPreprocessing {
  const fields = parse(preprocessorSchema, isObject(json) ? withoutNulls(json) : json, file)
  const field = fields.image_processor_type == null ? "feature_extractor_type" : "image_processor_type"
  const name = fields[field] ?? "DetrImageProcessor"
  if (!processors.test(name))
    throw configError(file, `${field} is ${shown(name)}: for a DETR Vitrine has the image processor of DETR alone`)
  const scale = 255 * (fields.do_rescale ? fields.rescale_factor : 1)
  const values = (schema: Schema<readonly number[]>, path: string, value: unknown): readonly number[] =>
    parse(schema, typeof value === "number" ? [value] : value, file, path).map((each) => each / scale)
  const pads = fields.do_pad ?? fields.pad_and_return_pixel_mask ?? true
  const padSize = pads && fields.pad_size ? ([fields.pad_size.height, fields.pad_size.width] as const) : undefined
  const interpolation = fields.resample == null ? "bilinear" : pillowFilters[Number(fields.resample)]
  if (interpolation === undefined)
    throw configError(
      file,
      `resample must be ${pillowFilters.map((filter, i) => `${i} (${filter})`).join(", ")}, got ${shown(fields.resample)}`,
    )
  return {
    ...sizesOf(fields, file),
    ...(fields.do_resize ? {} : { resize: null }),
    ...(interpolation !== "bilinear" && { interpolation }),
    ...(padSize !== undefined && { padSize }),
    mean: values(perChannel(3), "image_mean", fields.do_normalize ? fields.image_mean : 0),
    std: values(standardDeviations(3), "image_std", fields.do_normalize ? fields.image_std : 1),
  }
}

const edges = object({ shortest_edge: pixels, longest_edge: pixels })
const bounds = object({ max_height: pixels, max_width: pixels })
const sides = object({ height: pixels, width: pixels })

/** The resizing that `size` describes. It is a count, [height, width], or an object of one of three forms. */
function sizesOf(
  { size, max_size }: Json,
  file: string,
): Pick<DetectorPreprocessing, "shortest" | "within" | "resize"> {
  const instead = (to: "fit" | "exact", height: number, width: number): ReturnType<typeof sizesOf> => ({
    shortest: Math.min(height, width),
    within: [height, width],
    resize: { to, size: [height, width] },
  })
  if (Array.isArray(size)) {
    const [height, width] = parse(pair, size, file, "size")
    return instead("exact", height, width)
  }
  if (isObject(size) && size.max_height != null) {
    const { max_height, max_width } = parse(bounds, size, file, "size")
    return instead("fit", max_height, max_width)
  }
  if (isObject(size) && size.height != null) {
    const { height, width } = parse(sides, size, file, "size")
    return instead("exact", height, width)
  }
  const { shortest, within } = published
  // transformers ignores `max_size` without a `size`.
  const given = size == null ? {} : { shortest_edge: size, longest_edge: max_size ?? within[0] }
  const lengths = isObject(size) ? size : { shortest_edge: shortest, longest_edge: within[0], ...given }
  const { shortest_edge, longest_edge } = parse(edges, lengths, file, "size")
  return { shortest: shortest_edge, within: [longest_edge, longest_edge] }
}
