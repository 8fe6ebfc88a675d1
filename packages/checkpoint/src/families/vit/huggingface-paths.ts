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
