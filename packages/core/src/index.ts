export { gradients } from "./autodiff/gradients.ts"
export { recomputing } from "./autodiff/recompute.ts"
export type {
  Backend,
  CompileOptions,
  FileSlice,
  HostData,
  HostTensor,
  Program,
  State,
} from "./backend/contract.ts"
export { type ErrorKind, escapeControls, VitrineError } from "./errors.ts"
export {
  accepts,
  checkFields,
  expectation,
  type Field,
  type Fields,
  type FieldValue,
  type FieldValues,
  type NumberField,
  showValue,
} from "./fields.ts"
export { forwardFlops } from "./flops.ts"
export { cut, type Halves } from "./graph/cut.ts"
export { type Graph, type GraphOutputs, graph, printGraph } from "./graph/graph.ts"
export type { ImageModel } from "./model.ts"
export {
  type Activation,
  activate,
  activationNames,
  type PreLogitsActivation,
  preLogitsActivations,
} from "./nn/activations.ts"
export {
  type AttentionMasks,
  type AttentionOptions,
  attendHeads,
  latentAttention,
  multiHeadAttention,
  type MultiHeadOptions,
  projectHeads,
  selfAttention,
} from "./nn/attention.ts"
export { channelPairs } from "./nn/rotary.ts"
export { groupNorm, layerNorm, linear, type LinearOptions, norms } from "./nn/layers.ts"
export { type Deviation, maxPoolSame, standardizedConv, type StandardizedConvOptions } from "./nn/convolution.ts"
export { type Parameter, type Role, rootScope, type Scope, type ScopeOptions } from "./nn/scope.ts"
export { type Programs, programs } from "./backend/programs.ts"
export {
  dropoutMask,
  foldKey,
  type Key,
  keyFromSeed,
  permutation,
  type RandomStream,
  randomStream,
  threefry,
} from "./random.ts"
export { hasRow, rowNames } from "./tables.ts"
/** The ops of tensors. Each checks its shapes and makes a node of a graph. */
export * as ops from "./tensor/index.ts"
export { type Dim, dimAt, fixed, type Shape } from "./tensor/shape.ts"
export type { DType, Tensor, TensorType } from "./tensor/tensor.ts"
export {
  axialPositions,
  blockKinds,
  pools,
  positionKinds,
  type RotaryPositions,
  rotaryAxes,
  rotaryFrequencies,
  type StemConfig,
  stemNumerics,
  stemRanges,
  stemRoots,
  type ViTConfig,
  vitFlags,
  vitRanges,
} from "./vit/config.ts"
export {
  firstConvolution,
  patchGrid,
  patchPixels,
  positionTable,
  prefixPositionCount,
  prefixTokens,
  rotaryPositions,
  stemStride,
  tokenCount,
} from "./vit/geometry.ts"
export { vitVariant, vitConfig } from "./vit/variants.ts"
export { vitEncoder, type ViTHeads, patchEmbedding, patchFeatures, vit, vitHeads } from "./vit/model.ts"
export { type InitScheme, initializeViT, initSchemes } from "./vit/initialization.ts"
export { parameterCount, vitModel, vitParameters } from "./vit/parameters.ts"
