/**
 * BiT's ResNets as transformers reads and writes them:
 * https://github.com/huggingface/transformers/tree/main/src/transformers/models/bit
 */
import type { Parameter } from "@vitrine/core"
import type { BiTConfig } from "@vitrine/resnet"
import { configError, shown } from "./errors.ts"
import { checkedBiT, roundedMiddles, roundedWidth } from "./families.ts"
import { fieldReader, type Json } from "./fields.ts"

/** transformers' own, which a `config.json` cannot change. */
const epsilons = { groupNormEpsilon: 1e-5, weightEpsilon: 1e-8 } as const

/**
 * The model of a `config.json` of `model_type` "bit". That tells no size of images: transformers takes what the
 * preprocessor makes.
 * @param classes 0 for a model without a head.
 */
export function bitOfHuggingFace(
  json: Json,
  imageSize: readonly [number, number],
  classes: number,
  file: string,
): BiTConfig {
  const read = fieldReader(file)
  read.oneOf("layer_type", json.layer_type ?? "preactivation", ["preactivation"])
  read.oneOf("hidden_act", json.hidden_act ?? "relu", ["relu"])
  if ((json.global_padding ?? null) !== null || (json.embedding_dynamic_padding ?? false) !== false)
    throw configError(
      file,
      `global_padding is ${shown(json.global_padding)}: Vitrine has BiT's own fixed padding, which is null`,
    )
  const counts = (field: string, value: unknown): readonly number[] =>
    Array.isArray(value) ? read.counts(field, value, value.length) : read.counts(field, value, 4)
  const factor = read.number("width_factor", json.width_factor ?? 1)
  const depths = counts("depths", json.depths ?? [3, 4, 6, 3])
  const stride = read.number("output_stride", json.output_stride ?? 32)
  if (stride < 4 * 2 ** (depths.length - 1))
    throw configError(file, `output_stride is ${stride}: Vitrine has no dilated convolutions`)
  const sizes = counts("hidden_sizes", json.hidden_sizes ?? [256, 512, 1024, 2048])
  const widths = sizes.map((size) => roundedWidth(size * factor))
  return checkedBiT(file, {
    imageSize,
    channels: read.number("num_channels", json.num_channels ?? 3),
    classes,
    stemWidth: read.number("embedding_size", json.embedding_size ?? 64),
    widths,
    ...roundedMiddles(widths),
    depths,
    groups: read.number("num_groups", json.num_groups ?? 32),
    ...epsilons,
  })
}

/** The fields of a `config.json` that make the same model. */
export function bitToHuggingFace({ channels, stemWidth, widths, depths, groups }: BiTConfig): Json {
  return {
    num_channels: channels,
    embedding_size: stemWidth,
    hidden_sizes: widths,
    depths,
    num_groups: groups,
    layer_type: "preactivation",
    hidden_act: "relu",
    global_padding: null,
    output_stride: Math.max(32, 4 * 2 ** (depths.length - 1)),
  }
}

/** Properties of a model that transformers' class has otherwise. */
export function bitBeyondHuggingFace({ widths, middles, groupNormEpsilon, weightEpsilon }: BiTConfig): string[] {
  const found: string[] = []
  const rounded = widths.every((width) => roundedWidth(width) === width)
  if (!rounded || String(roundedMiddles(widths).middles) !== String(middles))
    found.push(`widths of ${widths.join(", ")}`)
  if (groupNormEpsilon !== epsilons.groupNormEpsilon) found.push(`group norms with ε = ${groupNormEpsilon}`)
  if (weightEpsilon !== epsilons.weightEpsilon) found.push(`weights standardised with ε = ${weightEpsilon}`)
  return found
}

/** A parameter in transformers' files; the head is a matrix there. */
export function bitTarget(
  { name, shape }: Parameter,
  prefix: string,
): { readonly name: string; readonly shape: readonly number[] } {
  if (name.startsWith("head.fc.")) return { name: name.replace("head.fc", "classifier.1"), shape: shape.slice(0, 2) }
  const own = name
    .replace(/^stem\.conv\./, "embedder.convolution.")
    .replace(/^stages\.(\d+)\.blocks\./, "encoder.stages.$1.layers.")
  return { name: prefix + own, shape }
}
