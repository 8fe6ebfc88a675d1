/**
 * Models as Hugging Face's transformers loads them, strictly: `config.json`, `preprocessor_config.json` and the tensors of
 * `model.safetensors`, under the names in which they are published.
 * https://github.com/huggingface/transformers/tree/main/src/transformers/models/vit, deit, dinov2, dinov2_with_registers
 */
import { prefixTokens, tokenCount, type ViTConfig, VitrineError, vitConfig, vitParameters } from "@vitrine/core"
import { bitParameters } from "@vitrine/resnet"
import { huggingFaceName } from "./activations.ts"
import { isBiT, type ModelConfig } from "./families.ts"
import { bitBeyondHuggingFace, bitTarget, bitToHuggingFace } from "./huggingface-bit.ts"
import { huggingFaceTargets } from "./names.ts"
import type { Preprocessing } from "./preprocessing.ts"
import type { ModelDescription } from "./timm.ts"

/** Two JSON files, and what they could not say: lines for people. */
export interface HuggingFaceFiles {
  readonly config: Readonly<Record<string, unknown>>
  readonly preprocessor: Readonly<Record<string, unknown>>
  readonly notes: readonly string[]
}

type ModelType = "vit" | "deit" | "dinov2" | "dinov2_with_registers"

/** What the names of their classes begin with. */
const families: Readonly<Record<ModelType, string>> = {
  vit: "ViT",
  deit: "DeiT",
  dinov2: "Dinov2",
  dinov2_with_registers: "Dinov2WithRegisters",
}

/** The kind of model that has most of what this one has. */
function modelType({ classes, distillationToken, gatedMlp, layerScale, pool, registers }: ViTConfig): ModelType {
  if (distillationToken) return "deit"
  const dino = gatedMlp || pool === "token+average" || (layerScale !== null && classes === 0)
  // DeiT's second token is a register where no head reads it.
  if (registers > 0) return dino || registers > 1 ? "dinov2_with_registers" : "deit"
  return dino ? "dinov2" : "vit"
}

const isDino = (type: ModelType): boolean => type.startsWith("dinov2")

/**
 * The files that stand beside the weights, for `transformers` and for transformers.js.
 * @throws VitrineError (config) for preprocessing that no image processor of transformers does.
 */
export function toHuggingFace({ config, preprocessing, labels }: ModelDescription): HuggingFaceFiles {
  const { preprocessor, notes } = toPreprocessor(preprocessing, config)
  const classified = config.classes > 0
  const names = labels ?? Array.from({ length: config.classes }, (_, i) => `LABEL_${i}`)
  const classes = classified && {
    id2label: Object.fromEntries(names.map((name, i) => [i, name])),
    label2id: Object.fromEntries(names.map((name, i) => [name, i])),
  }
  if (isBiT(config)) {
    const architecture = `Bit${classified ? "ForImageClassification" : "Model"}`
    const json = { architectures: [architecture], model_type: "bit", ...bitToHuggingFace(config), ...classes }
    const close = config.weightEpsilon !== 1e-8
    const note = `transformers standardises weights with ε = 1e-8, this model with ${config.weightEpsilon}: logits differ a little`
    return { config: json, preprocessor, notes: close ? [...notes, note] : notes }
  }
  const same = ([height, width]: readonly [number, number]): number | readonly number[] =>
    height === width ? height : [height, width]
  const type = modelType(config)
  const architecture = `${families[type]}${classified ? "ForImageClassification" : "Model"}`
  const pooler = !classified && !isDino(type)
  return {
    config: {
      architectures: [config.distillationToken ? `${architecture}WithTeacher` : architecture],
      model_type: type,
      image_size: same(config.imageSize),
      patch_size: same(config.patchSize),
      num_channels: config.channels,
      hidden_size: config.dim,
      num_hidden_layers: config.depth,
      num_attention_heads: config.heads,
      ...(isDino(type)
        ? {
            mlp_ratio: mlpRatio(config) ?? config.mlpDim / config.dim,
            use_swiglu_ffn: config.gatedMlp,
            // transformers refuses integers here, and 1 is the default.
            ...(Number.isInteger(config.layerScale ?? 1) ? {} : { layerscale_value: config.layerScale }),
            drop_path_rate: config.stochasticDepth,
            ...(config.registers > 0 && { num_register_tokens: config.registers }),
          }
        : { intermediate_size: config.mlpDim }),
      hidden_act: huggingFaceName(config.activation),
      layer_norm_eps: config.layerNormEpsilon,
      qkv_bias: config.qkvBias,
      hidden_dropout_prob: config.dropout,
      attention_probs_dropout_prob: config.attentionDropout,
      ...classes,
    },
    preprocessor,
    notes: pooler
      ? [
          ...notes,
          `the model has no classes: load it with ${architecture}.from_pretrained(folder, add_pooling_layer=False)`,
        ]
      : notes,
  }
}

/** DINOv2's whole number of times that its MLPs are wider than its tokens; undefined where there is none. */
function mlpRatio({ dim, mlpDim, gatedMlp }: ViTConfig): number | undefined {
  // Of gated MLPs, two thirds of that width, up to a multiple of 8.
  const width = (ratio: number): number =>
    gatedMlp ? 8 * Math.ceil(Math.trunc((dim * ratio * 2) / 3) / 8) : dim * ratio
  const near = Math.floor(((gatedMlp ? 1.5 : 1) * mlpDim) / dim)
  return [near, near - 1, near + 1].find((ratio) => ratio > 0 && width(ratio) === mlpDim)
}

/** Properties of a model that no class of transformers has, or none together with its others. */
export function beyondHuggingFace(config: ModelConfig): string[] {
  if (isBiT(config)) return bitBeyondHuggingFace({ ...config, weightEpsilon: 1e-8 })
  const type = modelType(config)
  const { activation, classes, dim, distillationToken, gatedMlp, imageSize, mlpDim, pool, preLogits, registers } =
    config
  const features: Readonly<Record<string, boolean>> = {
    "a ResNet before the patches": config.stem !== null,
    [`pooling "${pool}"`]: pool !== "token" && pool !== "token+average",
    "averages over the tokens before the patches": pool === "token+average" && config.poolPrefix,
    "features of both the class token and the average": pool === "token+average" && classes === 0,
    [`a hidden layer of ${preLogits?.dim} before the logits`]: preLogits !== null,
    "a norm before the blocks": config.embeddingNorm,
    "normed queries and keys": config.qkNorm,
    "no final norm": !config.finalNorm,
    "a norm after the pooling": config.normAfterPool && pool !== "token",
    "a distillation token without classes": distillationToken && classes === 0,
    "a distillation token and registers": distillationToken && registers > 0,
    "a distillation token and gated MLPs": distillationToken && gatedMlp,
    [`the activation ${activation}`]: huggingFaceName(activation) === undefined,
    [`MLPs gated by ${activation}`]: gatedMlp && activation !== "silu",
    [`MLPs of ${mlpDim}, which DINOv2's are not for a width of ${dim}`]: isDino(type) && mlpRatio(config) === undefined,
    [`images of ${imageSize.join("×")}, where DINOv2's are square`]: isDino(type) && imageSize[0] !== imageSize[1],
  }
  return Object.keys(features).filter((name) => features[name])
}

type Weights = Readonly<Record<string, Float32Array>>

interface Tensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/**
 * A model's parameters under transformers' names, some of them views of the given values. What a class of transformers has
 * and the model has not, stands there at the value that changes nothing: positions and biases of 0, factors of 1. What the
 * model has and ViT has not goes into other parameters: LayerScale into the matrix before it, the positions of registers into them.
 * @param weights by timm's names.
 * @throws VitrineError (config) for a model that no class of transformers is.
 */
export function huggingFaceTensors(config: ModelConfig, weights: Weights): readonly Tensor[] {
  const reasons = beyondHuggingFace(config)
  if (reasons.length > 0)
    throw new VitrineError(
      "config",
      `no class of transformers is this model, which has ${reasons.join(" and ")}: export it to timm or onnx`,
    )
  const prefix = (type: string): string => (config.classes > 0 ? `${type}.` : "")
  if (isBiT(config))
    return bitParameters(config).map((parameter) => ({
      ...bitTarget(parameter, prefix("bit")),
      data: weights[parameter.name] as Float32Array,
    }))
  const type = modelType(config)
  const target = targetOf(config, type)
  const changed = {
    ...embeddings(config, type, weights),
    ...scaled(config, target, weights),
    ...head(config, target, weights),
  }
  const { dim, normAfterPool } = config
  const tensors = vitParameters(target).flatMap(({ name, shape, role }) => {
    const own = normAfterPool ? name.replace(/^norm\./, "fc_norm.") : name
    const neutral = (): Float32Array =>
      new Float32Array(shape.reduce((n, size) => n * size, 1)).fill(role === "layerScale" ? 1 : 0)
    const values = changed[name] ?? weights[own] ?? neutral()
    // DINOv2's registers have no positions, DeiT's second token has one.
    const named = name === "reg_token" && isDino(type) ? { ...target, prefixPositions: false } : target
    const parts = huggingFaceTargets(name, shape, named, prefix(type))
    const length = values.length / parts.length
    return parts.map((part, i) => ({
      name: part.name,
      shape: name === "pos_embed" ? [1, values.length / dim, dim] : part.shape,
      data: values.subarray(i * length, (i + 1) * length),
    }))
  })
  const mask = { name: `${prefix(type)}embeddings.mask_token`, shape: [1, dim], data: new Float32Array(dim) }
  return isDino(type) ? [...tensors, mask] : tensors
}

/** The model as its class in transformers has it. */
function targetOf(config: ViTConfig, type: ModelType): ViTConfig {
  const { layerScale, pool, classes } = config
  return vitConfig({
    ...config,
    positions: "learned",
    prefixPositions: true,
    // LayerNorm is taken token by token: of the class token it is the same before the pooling and after.
    normAfterPool: false,
    projBias: true,
    layerScale: isDino(type) ? (layerScale ?? 1) : null,
    pool: isDino(type) && classes > 0 ? "token+average" : pool,
  })
}

/** Tokens and positions: one of each token for ViT and DeiT, of the class token and the patches for DINOv2. */
function embeddings(config: ViTConfig, type: ModelType, weights: Weights): Weights {
  const { dim, positions, registers } = config
  const prefix = prefixTokens(config)
  const table = new Float32Array(tokenCount(config) * dim)
  if (positions !== "none") table.set(weights["pos_embed"] as Float32Array, config.prefixPositions ? 0 : prefix * dim)
  if (registers === 0 || !isDino(type)) return { pos_embed: table }
  const patches = new Float32Array(table.length - registers * dim)
  patches.set(table.subarray(0, dim))
  patches.set(table.subarray(prefix * dim), dim)
  const tokens = (weights["reg_token"] as Float32Array).map((value, i) => value + (table[dim + i] as number))
  return { pos_embed: patches, reg_token: tokens }
}

/** LayerScale where the class has none: in the layers before it. */
function scaled(config: ViTConfig, target: ViTConfig, weights: Weights): Weights {
  if (config.layerScale === null || target.layerScale !== null) return {}
  const made: Record<string, Float32Array> = {}
  for (let i = 0; i < config.depth; i++)
    for (const [layer, scale] of [
      ["attn.proj", "ls1"],
      ["mlp.fc2", "ls2"],
    ] as const) {
      const factors = weights[`blocks.${i}.${scale}.gamma`] as Float32Array
      for (const name of [`blocks.${i}.${layer}.weight`, `blocks.${i}.${layer}.bias`]) {
        const values = weights[name]
        const row = (values?.length ?? 0) / factors.length
        if (values) made[name] = values.map((value, at) => value * (factors[Math.floor(at / row)] as number))
      }
    }
  return made
}

/** DINOv2's head reads the average over the patches too: here with factors of 0. */
function head(config: ViTConfig, target: ViTConfig, weights: Weights): Weights {
  if (config.pool === target.pool) return {}
  const { classes, dim } = config
  const narrow = weights["head.weight"] as Float32Array
  const wide = new Float32Array(2 * classes * dim)
  for (let row = 0; row < classes; row++) wide.set(narrow.subarray(row * dim, (row + 1) * dim), 2 * row * dim)
  return { "head.weight": wide }
}

/** Pillow's numbers. */
const filters: Readonly<Record<Preprocessing["interpolation"], number>> = {
  nearest: 0,
  lanczos: 1,
  bilinear: 2,
  bicubic: 3,
  box: 4,
  hamming: 5,
}

/**
 * The `preprocessor_config.json` that prepares images the same.
 * @throws VitrineError (config) where no processor of transformers does.
 */
export function toPreprocessor(
  preprocessing: Preprocessing,
  { channels }: Pick<ModelConfig, "channels">,
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
