/**
 * Model folders as Hugging Face's transformers writes and reads them: `config.json` with a `model_type`,
 * `preprocessor_config.json` and `model.safetensors`.
 * https://github.com/huggingface/transformers/blob/main/src/transformers/models/vit/modeling_vit.py
 */
import type { Activation } from "@vitrine/core"
import { configError, shown } from "./errors.ts"
import { fromPreprocessor } from "./preprocessor.ts"
import { fieldReader, isObject, type Json } from "./fields.ts"
import { checked, classNames, type ModelDescription } from "./timm.ts"

/** Whether a `config.json` describes a model of transformers rather than one of timm's. */
export function isHuggingFace(json: unknown): boolean {
  return isObject(json) && typeof json.architecture !== "string" && json.model_type !== undefined
}

const activations: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_python: "gelu",
  gelu_new: "gelu_tanh",
  gelu_fast: "gelu_tanh",
  gelu_accurate: "gelu_tanh",
  gelu_pytorch_tanh: "gelu_tanh",
  gelu_python_tanh: "gelu_tanh",
  relu: "relu",
}

/**
 * Reads the `config.json` and `preprocessor_config.json` of a `ViTForImageClassification` or a bare `ViTModel`, whose
 * output is then the normed class token: its pooler is left out. Missing fields have the defaults of transformers 5.
 * @param preprocessorJson null where there is no such file: images are then squashed to the model's size, bilinearly,
 *   and normalised to [-1, 1], as `ViTImageProcessor` does by default.
 * @param file names `config.json` in errors; the preprocessor's file is looked for beside it.
 * @throws VitrineError (config) for a model that cannot exist, or one with features that Vitrine does not have.
 */
export function fromHuggingFace(json: unknown, preprocessorJson: unknown, file: string): ModelDescription {
  if (!isObject(json)) throw configError(file, `must hold an object, got ${shown(json)}`)
  const read = fieldReader(file)
  const classes = classCount(json, file)
  const dim = read.number("hidden_size", json.hidden_size ?? 768)
  const config = checked(file, {
    imageSize: read.pair("image_size", json.image_size ?? 224),
    patchSize: read.pair("patch_size", json.patch_size ?? 16),
    channels: read.number("num_channels", json.num_channels ?? 3),
    dim,
    depth: read.number("num_hidden_layers", json.num_hidden_layers ?? 12),
    heads: read.number("num_attention_heads", json.num_attention_heads ?? 12),
    mlpDim: read.number("intermediate_size", json.intermediate_size ?? 3072),
    classes,
    classToken: true,
    pool: "token",
    normAfterPool: false,
    positions: "learned",
    activation: activations[
      read.oneOf("hidden_act", json.hidden_act ?? "gelu", Object.keys(activations))
    ] as Activation,
    preLogits: null,
    dropout: read.number("hidden_dropout_prob", json.hidden_dropout_prob ?? 0),
    attentionDropout: read.number("attention_probs_dropout_prob", json.attention_probs_dropout_prob ?? 0),
    stochasticDepth: 0,
    layerNormEpsilon: read.number("layer_norm_eps", json.layer_norm_eps ?? 1e-12),
  })
  if (!read.boolean("qkv_bias", json.qkv_bias ?? true))
    throw configError(file, "qkv_bias is false: Vitrine does not have projections to q, k and v without bias")
  const headDim = json.head_dim ?? dim / config.heads
  if (headDim !== dim / config.heads)
    throw configError(file, `head_dim is ${shown(headDim)}: Vitrine has heads of hidden_size / num_attention_heads`)
  const labels = classes === 0 || !isObject(json.id2label) ? null : classNames("id2label", json.id2label, classes, file)
  const beside = file.replace(/config\.json(?=[^/\\]*$)/, "preprocessor_config.json")
  return { config, preprocessing: fromPreprocessor(preprocessorJson ?? {}, config, beside), labels }
}

/** Outputs of the head; 0 for a model without one. */
function classCount(json: Json, file: string): number {
  const read = fieldReader(file)
  if (json.model_type === "deit")
    throw configError(
      file,
      `model_type is "deit": Vitrine does not have its distillation token; DeiT without it is published as model_type "vit"`,
    )
  if (json.model_type !== "vit")
    throw configError(file, `model_type is ${shown(json.model_type)}: of Hugging Face's models Vitrine reads "vit"`)
  const [architecture = "ViTForImageClassification"] = Array.isArray(json.architectures) ? json.architectures : []
  if (read.oneOf("architectures[0]", architecture, ["ViTForImageClassification", "ViTModel"]) === "ViTModel") return 0
  const named = json.id2label == null ? undefined : Object.keys(read.object("id2label", json.id2label)).length
  const counted = json.num_labels == null ? undefined : read.number("num_labels", json.num_labels)
  if (named !== undefined && counted !== undefined && named !== counted)
    throw configError(file, `num_labels is ${counted}, but id2label has ${named} names`)
  return named ?? counted ?? 2
}
