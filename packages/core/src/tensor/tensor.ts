import { VitrineError } from "../errors.ts"
import { type Shape, showShape } from "./shape.ts"

/**
 * What a tensor's elements are. Arithmetic is float32; float16 and bfloat16 are storage, reached by `cast`; int32
 * holds indices and random keys; bool is what comparisons give.
 */
export type DType = "float32" | "float16" | "bfloat16" | "int32" | "bool"

export interface TensorType {
  readonly shape: Shape
  readonly dtype: DType
}

type None = Readonly<Record<string, never>>
type Window = {
  readonly strides: readonly [number, number]
  /** Rows and columns of padding: top, bottom, left, right. */
  readonly padding: readonly [number, number, number, number]
}

/** Every op and what it is told besides its inputs. Output shapes stand on the node, so no attribute repeats them. */
export interface Ops {
  // Leaves
  input: { readonly name: string }
  state: { readonly name: string }
  constant: { readonly data: Float32Array | Int32Array }
  full: { readonly value: number }
  // Element-wise, with NumPy's broadcasting
  add: None
  sub: None
  mul: None
  div: None
  maximum: None
  greater: None
  where: None
  neg: None
  exp: None
  log: None
  sqrt: None
  erf: None
  tanh: None
  isFinite: None
  cast: None
  // Shape
  reshape: None
  transpose: { readonly permutation: readonly number[] }
  broadcastTo: None
  concat: { readonly axis: number }
  split: { readonly axis: number; readonly parts: number }
  slice: { readonly axis: number; readonly start: number; readonly end: number }
  pad: { readonly axis: number; readonly before: number; readonly after: number }
  // Reductions and products
  sum: { readonly axes: readonly number[]; readonly keepDims: boolean }
  max: { readonly axes: readonly number[]; readonly keepDims: boolean }
  matMul: { readonly transposeA: boolean; readonly transposeB: boolean }
  // Randomness and structure
  dropoutMask: { readonly path: string; readonly rate: number }
  stopGradient: None
  barrier: { readonly id: string }
  // Fused: a backend that does not name these gets their decomposition
  linear: None
  relu: None
  reluGrad: None
  gelu: { readonly approximate: boolean }
  geluGrad: { readonly approximate: boolean }
  softmax: None
  softmaxGrad: None
  softmaxCrossEntropy: None
  layerNorm: { readonly epsilon: number }
  layerNormGrad: None
  groupNorm: { readonly groups: number; readonly epsilon: number }
  groupNormGrad: { readonly groups: number }
  attention: { readonly scale: number }
  attentionGrad: { readonly scale: number }
  adamW: { readonly beta1: number; readonly beta2: number; readonly epsilon: number }
  // The convolution set: a backend declares the whole of it or none
  conv2d: Window
  conv2dInputGrad: Window
  conv2dWeightGrad: Window
  maxPool2d: Window & { readonly size: readonly [number, number] }
  gather: None
  scatterAdd: None
}

export type OpName = keyof Ops

/** One application of an op. Nodes are immutable, know nothing of any engine, and are shared by what reads them. */
export interface Node<K extends OpName = OpName> {
  readonly op: K
  readonly attributes: Ops[K]
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly TensorType[]
}

/** A symbolic tensor: one output of a node. It holds no values; a backend gives them to it when a graph runs. */
export interface Tensor extends TensorType {
  readonly node: Node
  /** Which of the node's outputs this is. */
  readonly index: number
}

/** The tensors that a node makes. */
export function outputsOf(node: Node): readonly Tensor[] {
  return node.outputs.map((type, index) => ({ node, index, ...type }))
}

/** Makes a node and returns its outputs. Shapes must have been checked by the op that calls this. */
export function apply<K extends OpName>(
  op: K,
  inputs: readonly Tensor[],
  attributes: Ops[K],
  outputs: readonly TensorType[],
): readonly Tensor[] {
  for (const { shape } of outputs)
    for (let i = 0; i < shape.length; i++) {
      const dim = shape[i]
      if (typeof dim === "string" && i > 0)
        throw new VitrineError("shape", `${op}: only the first dimension may be the batch, got ${showShape(shape)}`)
      if (typeof dim === "number" && !(Number.isSafeInteger(dim) && dim >= 0))
        throw new VitrineError("shape", `${op}: ${showShape(shape)} is not a shape`)
    }
  const node: Node<K> = { op, attributes, inputs, outputs }
  return outputsOf(node)
}

/** `apply` for the ops that have one output. */
export function applyOne<K extends OpName>(
  op: K,
  inputs: readonly Tensor[],
  attributes: Ops[K],
  shape: Shape,
  dtype: DType = "float32",
): Tensor {
  return apply(op, inputs, attributes, [{ shape, dtype }])[0] as Tensor
}
