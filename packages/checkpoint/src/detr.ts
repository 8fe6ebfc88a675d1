/**
 * Detectors: DETR as Vitrine's runs, facebookresearch/detr and Hugging Face's transformers name its weights.
 * https://github.com/facebookresearch/detr
 * https://github.com/huggingface/transformers/tree/main/src/transformers/models/detr
 */
import { VitrineError } from "@vitrine/core"
import { type DetrConfig, detrConfig, detrParameters } from "@vitrine/detection"
import { type ResNetConfig, resnetConfig } from "@vitrine/resnet"
import { configError, fileError, shown } from "./errors.ts"
import { type FieldReader, fieldReader, isObject, type Json } from "./fields.ts"
import { openWeights } from "./model.ts"
import type { ModelFiles } from "./model-files.ts"
import { isTaskConfig } from "./task.ts"
import { checkTensors } from "./tensors.ts"
import { classNames, imageNetMean, imageNetStd } from "./timm.ts"
import type { Weights, WeightSources } from "./weights.ts"

/** How a detector's images are prepared: resized bilinearly, normalised, and padded by zeros at the right and below. */
export interface DetectorPreprocessing {
  /** What the shorter side becomes, or less, so that the image stays within `within`. */
  readonly shortest: number
  /** Height and width. */
  readonly within: readonly [height: number, width: number]
  /** A value a channel, of pixels in [0, 1]. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** A detector of which only headers have been read: `parameterReader(weights, sources)` gives its parameters. */
export interface OpenDetector {
  readonly config: DetrConfig
  /** Names of the classes, in the order of the logits; null where they are not told. */
  readonly labels: readonly string[] | null
  readonly preprocessing: DetectorPreprocessing
  readonly weights: Weights
  readonly sources: WeightSources
  /** `config.json` as it stands; null where there is none. */
  readonly json: unknown
  /** What a user of the model should know: what was left out or assumed, a line each. */
  readonly notes: readonly string[]
}

/** What weights without a `config.json` do not tell. */
export interface DetectorHints {
  /** Attention heads; 8 unless told. */
  readonly heads?: number | undefined
  /** Whether the backbone's last stage is dilated (DC5); false unless told. */
  readonly dilated?: boolean | undefined
}

const kindOf = ({ model_type: type, architecture }: Json): string =>
  type === undefined ? `architecture is ${shown(architecture)}` : `model_type is ${shown(type)}`

/**
 * Opens the detector of a folder: a run of Vitrine's, a folder of Hugging Face's `DetrForObjectDetection` (with ResNets of
 * timm or of transformers), or the weights of facebookresearch's alone, from which the configuration follows.
 * @throws VitrineError (file, config) for files that are missing or broken, and for models that are no DETR, or one with
 *   features that Vitrine does not have.
 */
export async function openDetector(
  files: ModelFiles,
  weightsFile = "model.safetensors",
  hints: DetectorHints = {},
): Promise<OpenDetector> {
  const file = files.nameOf("config.json")
  const json = (await files.json("config.json")) ?? null
  if (json !== null && !isTaskConfig(json, "detect"))
    throw configError(file, `is of no detector: its ${kindOf(json as Json)}; vitrine predict says what images show`)
  const { weights, name } = await openWeights(files, weightsFile)
  const renamed = ownNames(weights, name)
  const read = fieldReader(file)
  if (json === null) {
    const dim = renamed.shapes.get("query_embed.weight")?.[1] ?? 0
    if (hints.heads === undefined && dim % 8 !== 0)
      throw configError(
        name,
        `the weights do not tell the number of heads, which is not 8 as usual with a width of ${dim}: say it (--num-heads)`,
      )
    const config = fromShapes(renamed.shapes, { heads: hints.heads ?? 8, dilated: hints.dilated ?? false }, name)
    const assumed = [
      ...(hints.heads === undefined ? ["8 heads (--num-heads)"] : []),
      ...(hints.dilated === undefined ? ["no dilation (--dilation)"] : []),
    ].join(" and ")
    const notes = assumed === "" ? [] : [`has no config.json: it is taken to have ${assumed}, as DETR has`]
    return { config, labels: null, preprocessing: published, ...weighed(renamed, weights, config, name), json, notes }
  }
  if ((json as Json).architecture === "detr") {
    const { config, ...described } = ownModel(json as Json, read, file)
    return { config, ...described, ...weighed(renamed, weights, config, name), json, notes: [] }
  }
  const config = huggingFaceModel(json as Json, renamed.shapes, read, file, name)
  const { id2label } = json as Json
  const labels = isObject(id2label) ? classNames("id2label", id2label, config.classes, file) : null
  const processor = await files.json("preprocessor_config.json")
  const preprocessing =
    processor === undefined ? published : processed(processor, files.nameOf("preprocessor_config.json"))
  const notes = processor === undefined ? ["has no preprocessor_config.json: images are prepared as DETR's are"] : []
  return { config, labels, preprocessing, ...weighed(renamed, weights, config, name), json, notes }
}

/** As the published models have it. */
const published: DetectorPreprocessing = { shortest: 800, within: [1333, 1333], mean: imageNetMean, std: imageNetStd }

/** Weights under the names of facebookresearch's. */
interface Renamed {
  readonly shapes: ReadonlyMap<string, readonly number[]>
  /** The tensors that make a parameter, in the order in which they are joined. */
  readonly from: ReadonlyMap<string, readonly string[]>
}

function ownNames({ tensors }: Pick<Weights, "tensors">, file: string): Renamed {
  const shapes = new Map<string, readonly number[]>()
  const from = new Map<string, string[]>()
  for (const { name, shape } of tensors) {
    // Batches that a norm has seen, which nothing reads.
    if (name.endsWith(".num_batches_tracked")) continue
    const { own, part, parts } = ownName(name)
    const sources = from.get(own) ?? new Array<string>(parts).fill("")
    if (sources[part] !== "") throw fileError(file, `two tensors stand for ${shown(own)}: ${shown(name)} is one`)
    sources[part] = name
    from.set(own, sources)
    shapes.set(
      own,
      shape.map((size, axis) => (axis === 0 ? size * parts : size)),
    )
  }
  for (const [own, sources] of from)
    if (sources.includes(""))
      throw fileError(file, `has not all tensors of ${shown(own)}: ${sources.filter(Boolean).join(", ")} alone`)
  return { shapes, from }
}

interface OwnName {
  readonly own: string
  /** Which of `parts` equal parts along the first axis. */
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
/** What stands in a layer; the norms are numbered in the order in which they are used. */
const inLayer: readonly (readonly [RegExp, string])[] = [
  [/^encoder_attn\./, "multihead_attn."],
  [/\.o_proj\./, ".out_proj."],
  [/^(?:mlp\.)?fc([12])\./, "linear$1."],
  [/^self_attn_layer_norm\./, "norm1."],
  [/^encoder_attn_layer_norm\./, "norm2."],
]

/** The name of a tensor of Hugging Face's by facebookresearch's; others stay. Those of transformers 4 and 5 are read. */
function ownName(name: string): OwnName {
  const whole = (own: string): OwnName => ({ own, part: 0, parts: 1 })
  const [, inBackbone] = /^model\.backbone\.(?:conv_encoder\.)?model\.(.*)$/.exec(name) ?? []
  if (inBackbone !== undefined) return whole(`backbone.0.body.${ownBackboneName(inBackbone)}`)
  const [, side, index, rest] = /^model\.(encoder|decoder)\.layers\.(\d+)\.(.*)$/.exec(name) ?? []
  if (rest === undefined) return whole(inHead.reduce((own, [from, to]) => own.replace(from, to), name))
  const final = side === "encoder" ? "norm2." : "norm3."
  const own = inLayer.reduce((t, [from, to]) => t.replace(from, to), rest.replace(/^final_layer_norm\./, final))
  const at = `transformer.${side}.layers.${index}.`
  const [, attention, letter, leaf] = /^(.*)\.([qkv])_proj\.(weight|bias)$/.exec(own) ?? []
  if (letter === undefined) return whole(at + own)
  return { own: `${at}${attention}.in_proj_${leaf}`, part: "qkv".indexOf(letter), parts: 3 }
}

/** torchvision's name of a tensor of a ResNet, whose names timm shares, by that of transformers. */
function ownBackboneName(name: string): string {
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

/** The parameters' sources, checked. */
function weighed(
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
  return { weights, sources: new Map(parameters.map(({ name }) => [name, { from: from.get(name) as string[] }])) }
}

/** The configuration of a detector with a ResNet, as far as names and shapes tell. */
function fromShapes(
  shapes: Renamed["shapes"],
  { heads, dilated, dropout = 0.1 }: { readonly heads: number; readonly dilated: boolean; readonly dropout?: number },
  file: string,
): DetrConfig {
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
  return possible(file, () =>
    detrConfig({
      backbone: { kind: "resnet", config: resnetConfig(resnet) },
      classes: axis("class_embed.weight", 0) - 1,
      queries: axis("query_embed.weight", 0),
      dim: axis("query_embed.weight", 1),
      heads,
      encoderDepth: depth("encoder"),
      decoderDepth: depth("decoder"),
      mlpDim: axis("transformer.decoder.layers.0.linear1.weight", 0),
      normFirst: shapes.has("transformer.encoder.norm.weight"),
      dropout,
    }),
  )
}

function possible<T>(file: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw VitrineError.isInstance(error) && error.kind === "config" ? configError(file, error.message, error) : error
  }
}

/** What Vitrine writes into the `config.json` of a run: the configuration under `vitrine.detector`. */
function ownModel(
  json: Json,
  read: FieldReader,
  file: string,
): Pick<OpenDetector, "config" | "labels" | "preprocessing"> {
  const { detector, imageSize, mean, std } = read.object("vitrine", json.vitrine)
  const config = possible(file, () => detrConfig(read.object("vitrine.detector", detector)))
  const { channels } = config.backbone.config
  const within = read.pair("vitrine.imageSize", imageSize)
  const labels = json.label_names == null ? null : classNames("label_names", json.label_names, config.classes, file)
  const deviations = read.perChannel("vitrine.std", std, channels)
  if (!deviations.every((value) => value > 0)) throw configError(file, `vitrine.std must be above 0, got ${shown(std)}`)
  const preprocessing = {
    shortest: Math.min(...within),
    within,
    mean: read.perChannel("vitrine.mean", mean, channels),
    std: deviations,
  }
  return { config, labels, preprocessing }
}

/** The model that Hugging Face's `config.json` describes, on the backbone that the weights tell. */
function huggingFaceModel(
  json: Json,
  shapes: Renamed["shapes"],
  read: FieldReader,
  file: string,
  weightsFile: string,
): DetrConfig {
  const number = (field: string, otherwise: number): number => read.number(field, json[field] ?? otherwise)
  read.oneOf("activation_function", json.activation_function ?? "relu", ["relu"])
  read.oneOf("position_embedding_type", json.position_embedding_type ?? "sine", ["sine"])
  const backbone = isObject(json.backbone_config) ? json.backbone_config : {}
  const strided =
    backbone.output_stride == null ? 32 : read.number("backbone_config.output_stride", backbone.output_stride)
  const dilated = read.boolean("dilation", json.dilation ?? false) || strided === 16
  if (backbone.downsample_in_bottleneck === true || backbone.downsample_in_first_stage === true)
    throw configError(file, "backbone_config halves the resolution where torchvision's ResNets do not")
  const heads = number("encoder_attention_heads", 8)
  const found = fromShapes(shapes, { heads, dilated, dropout: number("dropout", 0.1) }, weightsFile)
  const told = {
    dim: number("d_model", 256),
    queries: number("num_queries", 100),
    encoderDepth: number("encoder_layers", 6),
    decoderDepth: number("decoder_layers", 6),
    mlpDim: number("decoder_ffn_dim", 2048),
  }
  for (const [field, otherwise] of [
    ["attention_heads", 8],
    ["ffn_dim", 2048],
  ] as const) {
    const [encoder, decoder] = [number(`encoder_${field}`, otherwise), number(`decoder_${field}`, otherwise)]
    if (encoder !== decoder)
      throw configError(
        file,
        `encoder_${field} is ${encoder}, but decoder_${field} ${decoder}: Vitrine has one for both`,
      )
  }
  for (const [field, value] of Object.entries(told))
    if (found[field as keyof DetrConfig] !== value)
      throw configError(file, `says ${field} ${value}, but the weights have ${shown(found[field as keyof DetrConfig])}`)
  return { ...found, chainedNorm: read.boolean("auxiliary_loss", json.auxiliary_loss ?? false) }
}

/** A `preprocessor_config.json` of `DetrImageProcessor`, of any version. */
function processed(json: unknown, file: string): DetectorPreprocessing {
  if (!isObject(json)) throw configError(file, `must hold an object, got ${shown(json)}`)
  const read = fieldReader(file)
  for (const field of ["do_resize", "do_normalize", "do_rescale"])
    if (json[field] != null && !read.boolean(field, json[field]))
      throw configError(file, `${field} is false: Vitrine resizes and normalises a detector's images`)
  const { size } = json
  const given = isObject(size) ? size : { shortest_edge: size ?? 800, longest_edge: json.max_size ?? 1333 }
  const side = (field: string): number => {
    const value = read.number(`size.${field}`, given[field])
    if (!(Number.isInteger(value) && value >= 1 && value <= 16384))
      throw configError(file, `size.${field} must be from 1 to 16384 pixels, got ${value}`)
    return value
  }
  const longest = side("longest_edge")
  const scale = 255 * read.number("rescale_factor", json.rescale_factor ?? 1 / 255)
  const values = (field: string, otherwise: readonly number[]): readonly number[] =>
    read.perChannel(field, json[field] ?? otherwise, 3).map((value) => value / scale)
  const std = values("image_std", imageNetStd)
  if (!std.every((value) => value > 0))
    throw configError(file, `image_std must be above 0, got ${shown(json.image_std)}`)
  return { shortest: side("shortest_edge"), within: [longest, longest], mean: values("image_mean", imageNetMean), std }
}
