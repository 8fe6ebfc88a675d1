import type { ViTConfig } from "@vitrine/core"
import { huggingFaceName } from "../../activations.ts"
import type { Json } from "../../json.ts"

/** The paths in a `config.json` of transformers of the fields that all its Vision Transformers share. */
export const sharedPaths = {
  imageSize: "image_size",
  patchSize: "patch_size",
  patches: "patch_size",
  channels: "num_channels",
  dim: "hidden_size",
  depth: "num_hidden_layers",
  heads: "num_attention_heads",
  mlpDim: "intermediate_size",
  registers: "num_register_tokens",
  stochasticDepth: "drop_path_rate",
  layerNormEpsilon: "layer_norm_eps",
}

/** The fields of a `config.json` of transformers by which all its Vision Transformers say their size and activation. */
export function sharedFields(config: ViTConfig): Json {
  return {
    image_size: sides(config.imageSize),
    patch_size: sides(config.patchSize),
    num_channels: config.channels,
    hidden_size: config.dim,
    intermediate_size: config.mlpDim,
    num_hidden_layers: config.depth,
    num_attention_heads: config.heads,
    hidden_act: huggingFaceName(config.activation),
  }
}

type Sides = readonly [height: number, width: number]

/** Equal sides are one number. */
const sides = ([height, width]: Sides): number | Sides => (height === width ? height : [height, width])

/** The part of images that whole patches cover. The convolution leaves out the edges. */
export const coveredSize = ([height, width]: Sides, [rows, columns]: Sides): Sides => [
  height - (height % rows),
  width - (width % columns),
]
