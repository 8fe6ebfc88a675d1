/**
 * Vision Transformers in the `config.json` of transformers:
 * https://github.com/huggingface/transformers/tree/main/src/transformers/models/vit, deit, dinov2,
 * dinov2_with_registers
 */
import { type ViTConfig, vitConfig } from "@vitrine/core"
import * as v from "valibot"
import { huggingFaceActivations } from "../../activations.ts"
import { configError, inFile, shown } from "../../errors.ts"
import type { Json } from "../../json.ts"
import { flag, number, object, oneOf, pair, parse, rowOf } from "../../schema.ts"
import type { HuggingFaceFormat, HuggingFaceModel, HuggingFaceType } from "../formats.ts"
import { beyondDinov3, dinov3Sources, dinov3Tensors, dinov3Type, isDinov3, readDinov3, writeDinov3 } from "./dinov3.ts"
import { sharedPaths } from "./huggingface-fields.ts"
import { vitSources } from "./huggingface-names.ts"
import { beyondTower, isTowerConfig, towerTensors, writeTower } from "./to-towers.ts"
import { isTower, readTower, towerSources, towerTypes } from "./towers.ts"
import { beyond, tensors, write } from "./to-huggingface.ts"

/**
 * The preprocessor of the published models: a share of 0.875 of the image, normalised with the statistics of ImageNet.
 */
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

const types: ReadonlyMap<string, HuggingFaceType> = new Map<string, HuggingFaceType>([
  ["vit", { classes: "ViT", heads: single, preprocessor: () => ({}) }],
  [
    "deit",
    {
      classes: "DeiT",
      heads: [...single, "ForImageClassificationWithTeacher"],
      preprocessor: cropped("DeiTImageProcessor", ([height, width]) => ({ height, width })),
    },
  ],
  ["dinov2", { classes: "Dinov2", ...dino }],
  ["dinov2_with_registers", { classes: "Dinov2WithRegisters", ...dino }],
  [
    dinov3Type,
    {
      classes: "DINOv3ViT",
      heads: ["Model", "Backbone"],
      preprocessor: ([height, width]) => ({ image_processor_type: "DINOv3ViTImageProcessor", size: { height, width } }),
    },
  ],
  [
    "vit_mae",
    {
      classes: "ViTMAE",
      heads: ["ForPreTraining", "Model"],
      preprocessor: ([height, width]) => ({
        size: { height, width },
        image_mean: [0.485, 0.456, 0.406],
        image_std: [0.229, 0.224, 0.225],
      }),
      unused: /^decoder\./,
    },
  ],
  ...towerTypes,
])

export const huggingFace: HuggingFaceFormat<ViTConfig> = {
  types,
  read(json, architecture, classes, file) {
    const type = String(json.model_type)
    if (type === dinov3Type) return readDinov3(json, file)
    return isTower(type) ? readTower(json, type, classes, file) : read(json, architecture, classes, file)
  },
  write: (config) => writerOf(config).write(config),
  beyond: (config) => writerOf(config).beyond(config),
  sources(header, config, type) {
    if (type === dinov3Type) return dinov3Sources(header, config)
    return isTower(type) ? towerSources(header, config) : vitSources(header, config, type)
  },
  tensors: (config, weights) => writerOf(config).tensors(config, weights),
}

/** What writes a model for the class of transformers that is closest to it. */
function writerOf(config: ViTConfig): Pick<HuggingFaceFormat<ViTConfig>, "write" | "beyond" | "tensors"> {
  if (isDinov3(config)) return { write: writeDinov3, beyond: beyondDinov3, tensors: dinov3Tensors }
  if (isTowerConfig(config)) return { write: writeTower, beyond: beyondTower, tensors: towerTensors }
  return { write, beyond, tensors }
}

const schema = object({
  model_type: oneOf(["vit", "deit", "dinov2", "dinov2_with_registers", "vit_mae"]),
  image_size: v.nullish(pair, 224),
  patch_size: v.nullish(pair),
  num_channels: v.nullish(number, 3),
  hidden_size: v.nullish(number, 768),
  num_hidden_layers: v.nullish(number, 12),
  num_attention_heads: v.nullish(number, 12),
  head_dim: v.nullish(number),
  intermediate_size: v.nullish(number, 3072),
  mlp_ratio: v.nullish(number, 4),
  qkv_bias: v.nullish(flag, true),
  hidden_act: v.nullish(rowOf(huggingFaceActivations), "gelu"),
  hidden_dropout_prob: v.nullish(number, 0),
  attention_probs_dropout_prob: v.nullish(number, 0),
  layer_norm_eps: v.nullish(number),
  use_swiglu_ffn: v.nullish(flag, false),
  layerscale_value: v.nullish(number, 1),
  drop_path_rate: v.nullish(number, 0),
  num_register_tokens: v.nullish(number, 4),
})

type Fields = v.InferOutput<typeof schema>

/** The paths of a configuration's fields in a `config.json`. */
const paths = {
  ...sharedPaths,
  classes: "num_labels",
  dropout: "hidden_dropout_prob",
  attentionDropout: "attention_probs_dropout_prob",
}

function read(json: Json, architecture: string, classes: number, file: string): HuggingFaceModel<ViTConfig> {
  const fields = parse(schema, json, file)
  const { model_type: type, image_size: imageSize, hidden_size: dim, num_attention_heads: heads } = fields
  const isDino = type === "dinov2" || type === "dinov2_with_registers"
  const config = inFile(
    file,
    () =>
      vitConfig({
        imageSize,
        channels: fields.num_channels,
        dim,
        depth: fields.num_hidden_layers,
        heads,
        classes,
        positions: "learned",
        qkvBias: fields.qkv_bias,
        activation: fields.hidden_act,
        dropout: fields.hidden_dropout_prob,
        attentionDropout: fields.attention_probs_dropout_prob,
        ...(isDino ? dinov2(fields, classes > 0) : vitOrDeit(fields, architecture.endsWith("WithTeacher"))),
      }),
    isDino ? { ...paths, mlpDim: "mlp_ratio" } : paths,
  )
  if (isDino && imageSize[0] !== imageSize[1])
    throw configError(
      file,
      `image_size is ${imageSize.join("×")}: transformers runs DINOv2 with positions of a square grid alone`,
    )
  const { head_dim: headDim } = fields
  if (headDim != null && headDim !== dim / heads)
    throw configError(file, `head_dim is ${shown(headDim)}: Vitrine has heads of hidden_size / num_attention_heads`)
  // DINOv2 with registers resizes its positions with antialias, as timm does. The others do not.
  const positionMethod = type === "dinov2_with_registers" ? "timm" : "huggingface"
  const unmasked = type === "vit_mae" ? ", of images without masked patches" : ""
  const notes = classes > 0 ? [] : [`has no classes: its features are the class token after the last norm${unmasked}`]
  return {
    config,
    notes,
    takes: isDino ? "any size" : "its size",
    positionMethod,
    ...(isDino && { patchSize: config.patchSize }),
  }
}

function vitOrDeit(fields: Fields, distillationToken: boolean): Partial<ViTConfig> {
  return {
    patchSize: fields.patch_size ?? [16, 16],
    mlpDim: fields.intermediate_size,
    layerNormEpsilon: fields.layer_norm_eps ?? 1e-12,
    distillationToken,
    // A DeiT without a teacher's head has a second token that no head reads.
    registers: fields.model_type === "deit" && !distillationToken ? 1 : 0,
  }
}

function dinov2(fields: Fields, classifies: boolean): Partial<ViTConfig> {
  const { hidden_size: dim, use_swiglu_ffn: gatedMlp } = fields
  const hidden = Math.trunc(dim * fields.mlp_ratio)
  const registers = fields.model_type === "dinov2_with_registers"
  const side = registers ? 16 : 14
  return {
    patchSize: fields.patch_size ?? [side, side],
    // Two thirds of the width, rounded up to a multiple of 8. So the three matrices have about as many weights as the
    // two of a plain MLP.
    mlpDim: gatedMlp ? 8 * Math.ceil(Math.trunc((hidden * 2) / 3) / 8) : hidden,
    gatedMlp,
    ...(gatedMlp && { activation: "silu" }),
    layerScale: fields.layerscale_value,
    stochasticDepth: fields.drop_path_rate,
    layerNormEpsilon: fields.layer_norm_eps ?? 1e-6,
    pool: classifies ? "token+average" : "token",
    registers: registers ? fields.num_register_tokens : 0,
    // The class token's position is added to the token when it is read. Registers have no positions.
    prefixPositions: !registers,
  }
}
