/**
 * Model folders as Hugging Face's transformers writes and reads them: `config.json` with a `model_type`,
 * `preprocessor_config.json` and `model.safetensors`.
 * https://github.com/huggingface/transformers/tree/main/src/transformers/models/vit, deit, dinov2, dinov2_with_registers
 */
import type { ViTConfig } from "@vitrine/core"
import { huggingFaceActivations } from "./activations.ts"
import { configError, shown } from "./errors.ts"
import { bitOfHuggingFace } from "./huggingface-bit.ts"
import { fromPreprocessor } from "./preprocessor.ts"
import { type FieldReader, fieldReader, isObject, type Json } from "./fields.ts"
import { checked } from "./families.ts"
import { classNames, type ModelDescription } from "./timm.ts"

/** Whether a `config.json` describes a model of transformers rather than one of timm's. */
export function isHuggingFace(json: unknown): boolean {
  return isObject(json) && typeof json.architecture !== "string" && json.model_type !== undefined
}

interface ModelType {
  /** What the names of its classes begin with. */
  readonly classes: string
  /** What they end with; those without a head give the normed class token as features. */
  readonly heads: readonly string[]
  /** The image processor's own name; of a folder without a preprocessor. */
  readonly preprocessor: (imageSize: readonly [number, number]) => Json
}

/** As the models are published: a share of 0.875 of the image, normalised by the statistics of ImageNet. */
const cropped = (type: string, size: (sides: number[]) => unknown) => (imageSize: readonly [number, number]) => ({
  image_processor_type: type,
  size: size(imageSize.map((side) => Math.round(side / 0.875))),
  crop_size: { height: imageSize[0], width: imageSize[1] },
  image_mean: [0.485, 0.456, 0.406],
  image_std: [0.229, 0.224, 0.225],
})
const dino = {
  heads: ["ForImageClassification", "Model", "Backbone"],
  preprocessor: cropped("BitImageProcessor", (sides) => ({ shortest_edge: Math.min(...sides) })),
}
const single = ["ForImageClassification", "Model", "ForMaskedImageModeling"]
const modelTypes: Readonly<Record<string, ModelType>> = {
  vit: { classes: "ViT", heads: single, preprocessor: () => ({}) },
  deit: {
    classes: "DeiT",
    heads: [...single, "ForImageClassificationWithTeacher"],
    preprocessor: cropped("DeiTImageProcessor", ([height, width]) => ({ height, width })),
  },
  dinov2: { classes: "Dinov2", ...dino },
  dinov2_with_registers: { classes: "Dinov2WithRegisters", ...dino },
  bit: {
    classes: "Bit",
    heads: ["ForImageClassification", "Model", "Backbone"],
    preprocessor: ([height, width]) => ({
      image_processor_type: "ViTImageProcessor",
      size: { height, width },
      image_mean: 0.5,
      image_std: 0.5,
    }),
  },
}

/**
 * Reads the `config.json` and `preprocessor_config.json` of a ViT, DeiT, DINOv2, DINOv2 with registers or BiT. Those without
 * a head for classes give the normed class token: their poolers are left out. Missing fields have the defaults of
 * transformers 5. DINOv2 runs at the size that its preprocessor makes images of, with positions resized to it,
 * and BiT at that size too.
 * @param preprocessorJson null where there is no such file: images are then squashed to a ViT's size, bilinearly, and
 *   normalised to [-1, 1], as `ViTImageProcessor` does by default; the others' are prepared as they are published.
 * @param file names `config.json` in errors; the preprocessor's file is looked for beside it.
 * @throws VitrineError (config) for a model that cannot exist, or one with features that Vitrine does not have.
 */
export function fromHuggingFace(json: unknown, preprocessorJson: unknown, file: string): ModelDescription {
  if (!isObject(json)) throw configError(file, `must hold an object, got ${shown(json)}`)
  const read = fieldReader(file)
  const type = read.string("model_type", json.model_type)
  if (!Object.hasOwn(modelTypes, type)) {
    const known = Object.keys(modelTypes).map(shown).join(", ")
    throw configError(file, `model_type is ${shown(type)}: of Hugging Face's models Vitrine reads ${known}`)
  }
  const { classes: family, heads, preprocessor } = modelTypes[type] as ModelType
  const [named = `${family}ForImageClassification`] = Array.isArray(json.architectures) ? json.architectures : []
  const architecture = read.oneOf(
    "architectures[0]",
    named,
    heads.map((head) => family + head),
  )
  const classifies = architecture.startsWith(`${family}ForImageClassification`)
  const beside = file.replace(/config\.json(?=[^/\\]*$)/, "preprocessor_config.json")
  const labelsOf = (classes: number): string[] | null =>
    classes === 0 || !isObject(json.id2label) ? null : classNames("id2label", json.id2label, classes, file)
  const notes =
    preprocessorJson === null
      ? ["has no preprocessor_config.json: images are prepared as its kind of models mostly has them"]
      : []
  if (type === "bit") {
    const config = bitOfHuggingFace(json, [224, 224], classifies ? classCount(json, read, file) : 0, file)
    const preprocessing = fromPreprocessor(preprocessorJson ?? preprocessor([224, 224]), config, beside, true)
    const sized = { ...config, imageSize: preprocessing.size }
    return { config: sized, preprocessing, labels: labelsOf(config.classes), positionMethod: "timm", notes }
  }
  const dim = read.number("hidden_size", json.hidden_size ?? 768)
  const config = checked(file, {
    imageSize: read.pair("image_size", json.image_size ?? 224),
    channels: read.number("num_channels", json.num_channels ?? 3),
    dim,
    depth: read.number("num_hidden_layers", json.num_hidden_layers ?? 12),
    heads: read.number("num_attention_heads", json.num_attention_heads ?? 12),
    classes: classifies ? classCount(json, read, file) : 0,
    positions: "learned",
    qkvBias: read.boolean("qkv_bias", json.qkv_bias ?? true),
    activation: read.row("hidden_act", json.hidden_act ?? "gelu", huggingFaceActivations),
    dropout: read.number("hidden_dropout_prob", json.hidden_dropout_prob ?? 0),
    attentionDropout: read.number("attention_probs_dropout_prob", json.attention_probs_dropout_prob ?? 0),
    ...(family.startsWith("Dinov2")
      ? dinov2(json, type, classifies, read)
      : {
          patchSize: read.pair("patch_size", json.patch_size ?? 16),
          mlpDim: read.number("intermediate_size", json.intermediate_size ?? 3072),
          layerNormEpsilon: read.number("layer_norm_eps", json.layer_norm_eps ?? 1e-12),
          distillationToken: architecture.endsWith("WithTeacher"),
          // A second token that no head reads.
          registers: type === "deit" && !architecture.endsWith("WithTeacher") ? 1 : 0,
        }),
  })
  const anySize = family.startsWith("Dinov2")
  if (anySize && config.imageSize[0] !== config.imageSize[1])
    throw configError(
      file,
      `image_size is ${config.imageSize.join("×")}: transformers runs DINOv2 with positions of a square grid alone`,
    )
  const headDim = json.head_dim ?? dim / config.heads
  if (headDim !== dim / config.heads)
    throw configError(file, `head_dim is ${shown(headDim)}: Vitrine has heads of hidden_size / num_attention_heads`)
  const labels = labelsOf(config.classes)
  const preprocessing = fromPreprocessor(preprocessorJson ?? preprocessor(config.imageSize), config, beside, anySize)
  // Only DINOv2 with registers resizes its positions with antialias, as timm does.
  const positionMethod = type === "dinov2_with_registers" ? "timm" : "huggingface"
  return { config, preprocessing, labels, positionMethod, notes }
}

/** What only DINOv2 has, or has otherwise. */
function dinov2(json: Json, type: string, classifies: boolean, read: FieldReader): Partial<ViTConfig> {
  const dim = read.number("hidden_size", json.hidden_size ?? 768)
  const hidden = Math.trunc(dim * read.number("mlp_ratio", json.mlp_ratio ?? 4))
  const gatedMlp = read.boolean("use_swiglu_ffn", json.use_swiglu_ffn ?? false)
  const registers = type === "dinov2_with_registers"
  return {
    patchSize: read.pair("patch_size", json.patch_size ?? (registers ? 16 : 14)),
    // Two thirds of the width, up to a multiple of 8, so that three matrices weigh what two did.
    mlpDim: gatedMlp ? 8 * Math.ceil(Math.trunc((hidden * 2) / 3) / 8) : hidden,
    gatedMlp,
    ...(gatedMlp && { activation: "silu" }),
    layerScale: read.number("layerscale_value", json.layerscale_value ?? 1),
    stochasticDepth: read.number("drop_path_rate", json.drop_path_rate ?? 0),
    layerNormEpsilon: read.number("layer_norm_eps", json.layer_norm_eps ?? 1e-6),
    pool: classifies ? "token+average" : "token",
    registers: registers ? read.number("num_register_tokens", json.num_register_tokens ?? 4) : 0,
    // The class token's position is added to it as it is read: registers have none.
    prefixPositions: !registers,
  }
}

/** Outputs of the head. */
function classCount(json: Json, read: FieldReader, file: string): number {
  const named = json.id2label == null ? undefined : Object.keys(read.object("id2label", json.id2label)).length
  const counted = json.num_labels == null ? undefined : read.number("num_labels", json.num_labels)
  if (named !== undefined && counted !== undefined && named !== counted)
    throw configError(file, `num_labels is ${counted}, but id2label has ${named} names`)
  return named ?? counted ?? 2
}
