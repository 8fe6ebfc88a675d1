/**
 * Models as Hugging Face's transformers loads them, strictly: `config.json`, `preprocessor_config.json` and the tensors of
 * `model.safetensors`, under the names in which they are published.
 * https://github.com/huggingface/transformers/blob/main/src/transformers/models/vit/modeling_vit.py
 */
import { type Activation, patchGrid, type ViTConfig, VitrineError, vitParameters } from "@vitrine/core"
import { huggingFaceTargets } from "./names.ts"
import type { Preprocessing } from "./preprocessing.ts"
import type { ModelDescription } from "./timm.ts"

/** Two JSON files, and what they could not say: lines for people. */
export interface HuggingFaceFiles {
  readonly config: Readonly<Record<string, unknown>>
  readonly preprocessor: Readonly<Record<string, unknown>>
  readonly notes: readonly string[]
}

const activations: Readonly<Record<Activation, string>> = {
  gelu: "gelu",
  gelu_tanh: "gelu_pytorch_tanh",
  quick_gelu: "quick_gelu",
  relu: "relu",
  silu: "silu",
}

/**
 * The files that stand beside the weights, for `transformers` and for transformers.js.
 * @throws VitrineError (config) for preprocessing that no image processor of transformers does.
 */
export function toHuggingFace({ config, preprocessing, labels }: ModelDescription): HuggingFaceFiles {
  const { preprocessor, notes } = toPreprocessor(preprocessing, config)
  const names = labels ?? Array.from({ length: config.classes }, (_, i) => `LABEL_${i}`)
  const same = ([height, width]: readonly [number, number]): number | readonly number[] =>
    height === width ? height : [height, width]
  const classified = config.classes > 0
  return {
    config: {
      architectures: [classified ? "ViTForImageClassification" : "ViTModel"],
      model_type: "vit",
      image_size: same(config.imageSize),
      patch_size: same(config.patchSize),
      num_channels: config.channels,
      hidden_size: config.dim,
      num_hidden_layers: config.depth,
      num_attention_heads: config.heads,
      intermediate_size: config.mlpDim,
      hidden_act: activations[config.activation],
      layer_norm_eps: config.layerNormEpsilon,
      qkv_bias: true,
      hidden_dropout_prob: config.dropout,
      attention_probs_dropout_prob: config.attentionDropout,
      ...(classified && {
        id2label: Object.fromEntries(names.map((name, i) => [i, name])),
        label2id: Object.fromEntries(names.map((name, i) => [name, i])),
      }),
    },
    preprocessor,
    notes: classified
      ? notes
      : [...notes, "the model has no classes: load it with ViTModel.from_pretrained(folder, add_pooling_layer=False)"],
  }
}

/** Properties of a model that transformers' ViT cannot be given. */
export function beyondHuggingFace(config: ViTConfig): string[] {
  const features: Readonly<Record<string, boolean>> = {
    [`pooling "${config.pool}"`]: config.pool !== "token",
    [`a hidden layer of ${config.preLogits?.dim} before the logits`]: config.preLogits !== null,
    "gated MLPs": config.gatedMlp,
    "a distillation token": config.distillationToken,
    registers: config.registers > 0,
    "no final norm": !config.finalNorm,
    "tokens without positions": !config.prefixPositions,
    "a norm before the blocks": config.embeddingNorm,
    "projections without bias": !config.qkvBias || !config.projBias,
    "normed queries and keys": config.qkNorm,
    LayerScale: config.layerScale !== null,
  }
  return Object.keys(features).filter((name) => features[name])
}

/**
 * A model's parameters under transformers' names; views of the given values, but for positions that the model does not
 * have, which are zeros there.
 * @param weights by timm's names.
 * @throws VitrineError (config) for a model that transformers' ViT is not.
 */
export function huggingFaceTensors(
  config: ViTConfig,
  weights: Readonly<Record<string, Float32Array>>,
): { readonly name: string; readonly shape: readonly number[]; readonly data: Float32Array }[] {
  const reasons = beyondHuggingFace(config)
  if (reasons.length > 0)
    throw new VitrineError(
      "config",
      `no class of transformers is this model, which has ${reasons.join(" and ")}: export it to timm or onnx`,
    )
  const prefix = config.classes > 0 ? "vit." : ""
  const tensors = vitParameters(config).flatMap(({ name, shape }) => {
    // LayerNorm is taken token by token: of the class token it is the same before the pooling and after.
    const targets = huggingFaceTargets(name.replace(/^fc_norm\./, "norm."), shape, config, prefix)
    const values = weights[name] as Float32Array
    const length = values.length / targets.length
    return targets.map((target, i) => ({ ...target, data: values.subarray(i * length, (i + 1) * length) }))
  })
  if (config.positions !== "none") return tensors
  const [rows, columns] = patchGrid(config)
  const shape = [1, 1 + rows * columns, config.dim]
  const data = new Float32Array((1 + rows * columns) * config.dim)
  return [...tensors, ...huggingFaceTargets("pos_embed", shape, config, prefix).map((target) => ({ ...target, data }))]
}

/** Pillow's numbers. */
const filters: Readonly<Record<Preprocessing["interpolation"], number>> = {
  nearest: 0,
  lanczos: 1,
  bilinear: 2,
  bicubic: 3,
  box: 4,
}

/**
 * The `preprocessor_config.json` that prepares images the same.
 * @throws VitrineError (config) where no processor of transformers does.
 */
export function toPreprocessor(
  preprocessing: Preprocessing,
  { channels }: ViTConfig,
): { readonly preprocessor: Readonly<Record<string, unknown>>; readonly notes: readonly string[] } {
  const { size, interpolation, mean, std } = preprocessing
  const [height, width] = size
  const steps = geometry(preprocessing)
  const cropped = steps.crop !== undefined
  const sizes =
    steps.resize === null
      ? { do_resize: false }
      : {
          do_resize: true,
          size:
            typeof steps.resize === "number"
              ? { shortest_edge: steps.resize }
              : { height: steps.resize[0], width: steps.resize[1] },
          resample: filters[interpolation],
        }
  const notes: string[] = []
  if (steps.crop === "even")
    notes.push(
      "where the middle of an image lies between two pixels, transformers begins its crop at the upper left one and this model at the even one",
    )
  if (channels === 1) notes.push("the model takes grey images: transformers' pipelines make coloured ones")
  return {
    preprocessor: {
      image_processor_type: !cropped
        ? "ViTImageProcessor"
        : typeof steps.resize === "number"
          ? "BitImageProcessor"
          : "DeiTImageProcessor",
      do_convert_rgb: channels === 3,
      ...sizes,
      do_center_crop: cropped,
      ...(cropped && { crop_size: { height, width } }),
      do_rescale: true,
      rescale_factor: 1 / 255,
      do_normalize: true,
      image_mean: mean,
      image_std: std,
    },
    notes,
  }
}

interface Steps {
  /** The shorter side, exactly [height, width], or nothing. */
  readonly resize: number | readonly [height: number, width: number] | null
  /** How a crop is rounded that begins between two pixels: down, or to the even one. */
  readonly crop?: "down" | "even"
}

function geometry({ size, cropPct, cropMode, resize }: Preprocessing): Steps {
  if (resize !== undefined) return { resize, crop: "down" }
  const scaled = size.map((side) => Math.floor(side / cropPct)) as [number, number]
  if (cropMode === "squash") {
    if (scaled.join() === size.join()) return { resize: size }
    const even = scaled.some((side, axis) => (side - (size[axis] as number)) % 4 === 3)
    return { resize: scaled, crop: even ? "even" : "down" }
  }
  if (cropMode === "center" && size[0] === size[1]) return { resize: scaled[0], crop: "even" }
  const what =
    cropMode === "border" ? "pads images to their border" : "cuts images that are not square out of the middle"
  throw new VitrineError(
    "config",
    `no image processor of transformers ${what}: give --crop-mode squash, or export to timm`,
  )
}
