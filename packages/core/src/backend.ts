// The parts that a backend is made of: graphs as data, passes over graphs, and helpers for shapes and values. The
// interface `Backend` itself is exported from the index, since users of backends need it too.

export { drawDropoutMask, dropoutKey } from "./backend/dropout.ts"
export { float16Bits } from "./backend/float16.ts"
export { checkedData } from "./backend/host.ts"
export { bytesOf, type GraphCost, graphCost, nodeFlops } from "./graph/cost.ts"
export {
  bindBatch,
  type BoundGraph,
  type GraphNode,
  lastUses,
  sortedNodes,
  typeOf,
  type ValueId,
} from "./graph/graph.ts"
export { type Interpretation, interpret, type Kernel, type Kernels } from "./graph/interpret.ts"
export { lower, type Rewrite, unfold } from "./graph/rebuild.ts"
export { bindDim, elementCount, fourDims, parseDim, product, sameShape, showShape } from "./tensor/shape.ts"
export {
  apply,
  mapInputs,
  mapOutputs,
  type Node,
  type OpInputs,
  type OpName,
  type OpOutputs,
  type Ops,
} from "./tensor/tensor.ts"
