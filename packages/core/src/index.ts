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
} from "./backend.ts"
export { type ErrorKind, VitrineError } from "./errors.ts"
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
export { float16Bits } from "./float16.ts"
export { forwardFlops } from "./flops.ts"
export { bytesOf, type GraphCost, graphCost } from "./graph/cost.ts"
export { cut, type Halves } from "./graph/cut.ts"
export {
  bindBatch,
  type Graph,
  type GraphNode,
  type GraphOutputs,
  graph,
  lastUses,
  printGraph,
  sortedNodes,
  type ValueId,
} from "./graph/graph.ts"
export { type Interpretation, interpret, type Kernel, type Kernels } from "./graph/interpret.ts"
export { lower, type Rewrite, unfold } from "./graph/rebuild.ts"
export type { ImageModel } from "./model.ts"
export { type Activation, activate, activationNames, type PreLogitsActivation } from "./nn/activations.ts"
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
export { groupNorm, layerNorm, linear, type LinearOptions } from "./nn/layers.ts"
export { type Deviation, maxPoolSame, standardizedConv, type StandardizedConvOptions } from "./nn/convolution.ts"
export { type Parameter, type Role, rootScope, type Scope, type ScopeOptions } from "./nn/scope.ts"
export { type Programs, programs } from "./programs.ts"
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
export * as ops from "./tensor/index.ts"
export { type Dim, elementCount, parseDim, product, type Shape, sameShape, showShape } from "./tensor/shape.ts"
export type { DType, Node, OpName, Ops, Tensor, TensorType } from "./tensor/tensor.ts"
export {
  firstConvolution,
  patchGrid,
  patchPixels,
  pools,
  positionKinds,
  prefixPositionCount,
  prefixTokens,
  type StemConfig,
  stemStride,
  tokenCount,
  type ViTConfig,
  vitVariant,
  vitConfig,
} from "./vit/config.ts"
export { vitEncoder, type ViTHeads, patchEmbedding, patchFeatures, vit, vitHeads } from "./vit/model.ts"
export { type InitScheme, initializeViT, initSchemes } from "./vit/initialization.ts"
export { parameterCount, vitModel, vitParameters } from "./vit/parameters.ts"
