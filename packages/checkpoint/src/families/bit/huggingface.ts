/**
 * BiT's ResNets in the format of transformers:
 * https://github.com/huggingface/transformers/tree/main/src/transformers/models/bit
 */
import type { Parameter } from "@vitrine/core"
import { type BiTConfig, bitConfig, bitParameters } from "@vitrine/resnet"
import * as v from "valibot"
import { configError, inFile, shown } from "../../errors.ts"
import type { Json } from "../../json.ts"
import { count, flag, listOf, number, object, oneOf, parse } from "../../schema.ts"
import { weightOf } from "../../sources.ts"
import type { HuggingFaceFormat } from "../formats.ts"
import { roundedMiddles, roundedWidth } from "./widths.ts"

/** transformers' ε. A `config.json` cannot change them. */
const epsilons = { groupNormEpsilon: 1e-5, weightEpsilon: 1e-8 } as const

export const huggingFace: HuggingFaceFormat<BiTConfig> = {
  types: new Map([
    [
      "bit",
      {
        classes: "Bit",
        heads: ["ForImageClassification", "Model", "Backbone"],
        preprocessor: ([height, width]) => ({
          image_processor_type: "ViTImageProcessor",
          size: { height, width },
          image_mean: 0.5,
          image_std: 0.5,
        }),
      },
    ],
  ]),
  // transformers accepts images of the size that the preprocessor makes.
  read: (json, _, classes, file) => ({
    config: read(json, classes, file),
    takes: "the preprocessor's size",
    positionMethod: "timm",
  }),
  write({ channels, classes, stemWidth, widths, depths, groups, weightEpsilon }) {
    const note = `transformers standardises weights with ε = 1e-8, this model with ${weightEpsilon}: logits differ a little`
    return {
      fields: {
        architectures: [`Bit${classes > 0 ? "ForImageClassification" : "Model"}`],
        model_type: "bit",
        num_channels: channels,
        embedding_size: stemWidth,
        hidden_sizes: widths,
        depths,
        num_groups: groups,
        layer_type: "preactivation",
        hidden_act: "relu",
        global_padding: null,
        output_stride: Math.max(32, 4 * 2 ** (depths.length - 1)),
      },
      notes: weightEpsilon === epsilons.weightEpsilon ? [] : [note],
    }
  },
  // Another ε of weight standardisation gives almost the same logits. `write` adds a note about it.
  beyond({ widths, middles, groupNormEpsilon }) {
    const features: string[] = []
    const rounded = widths.every((width) => roundedWidth(width) === width)
    if (!rounded || String(roundedMiddles(widths).middles) !== String(middles))
      features.push(`widths of ${widths.join(", ")}`)
    if (groupNormEpsilon !== epsilons.groupNormEpsilon) features.push(`group norms with ε = ${groupNormEpsilon}`)
    return features
  },
  sources({ tensors }, config) {
    const prefix = tensors.some(({ name }) => name.startsWith("embedder.")) ? "" : "bit."
    return bitParameters(config).map((parameter) => {
      const { name, shape } = target(parameter, prefix)
      return [parameter.name, { from: [name], shapes: [shape] }]
    })
  },
  tensors(config, weights) {
    const prefix = config.classes > 0 ? "bit." : ""
    return bitParameters(config).map((parameter) => ({
      ...target(parameter, prefix),
      data: weightOf(weights, parameter.name),
    }))
  },
}

const schema = object({
  layer_type: v.nullish(oneOf(["preactivation"])),
  hidden_act: v.nullish(oneOf(["relu"])),
  embedding_dynamic_padding: v.nullish(flag),
  width_factor: v.nullish(number, 1),
  depths: v.nullish(listOf(count), [3, 4, 6, 3]),
  output_stride: v.nullish(number, 32),
  hidden_sizes: v.nullish(listOf(count), [256, 512, 1024, 2048]),
  num_channels: v.nullish(number, 3),
  embedding_size: v.nullish(number, 64),
  num_groups: v.nullish(number, 32),
})

/** The paths of a configuration's fields in a `config.json`. */
const paths = {
  channels: "num_channels",
  classes: "num_labels",
  stemWidth: "embedding_size",
  widths: "hidden_sizes",
  middles: "hidden_sizes",
  depths: "depths",
  groups: "num_groups",
}

function read(json: Json, classes: number, file: string): BiTConfig {
  const fields = parse(schema, json, file)
  if (fields.embedding_dynamic_padding === true)
    throw configError(
      file,
      "embedding_dynamic_padding is true: Vitrine's max pooling has BiT's own fixed padding, which is false",
    )
  if (json.global_padding != null)
    throw configError(
      file,
      `global_padding is ${shown(json.global_padding)}: Vitrine has BiT's own fixed padding, which is null`,
    )
  const { depths, output_stride: stride, width_factor: factor } = fields
  if (stride < 4 * 2 ** (depths.length - 1))
    throw configError(file, `output_stride is ${stride}: Vitrine has no dilated convolutions`)
  const widths = fields.hidden_sizes.map((size) => roundedWidth(size * factor))
  const config = {
    channels: fields.num_channels,
    classes,
    stemWidth: fields.embedding_size,
    widths,
    ...roundedMiddles(widths),
    depths,
    groups: fields.num_groups,
    ...epsilons,
  }
  return inFile(file, () => bitConfig(config), paths)
}

/** A parameter in transformers' files. There the head is a matrix. */
function target(
  { name, shape }: Parameter,
  prefix: string,
): { readonly name: string; readonly shape: readonly number[] } {
  if (name.startsWith("head.fc.")) return { name: name.replace("head.fc", "classifier.1"), shape: shape.slice(0, 2) }
  const renamed = name
    .replace(/^stem\.conv\./, "embedder.convolution.")
    .replace(/^stages\.(\d+)\.blocks\./, "encoder.stages.$1.layers.")
  return { name: prefix + renamed, shape }
}
