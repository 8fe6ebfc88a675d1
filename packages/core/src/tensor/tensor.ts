import { VitrineError } from "../errors.ts"
import { type Dim, type Shape, showShape } from "./shape.ts"

/**
 * The type of a tensor's elements. Arithmetic is in float32. float16 and bfloat16 are for storage, and `cast` converts
 * to them. int32 holds indices and random keys, bool the results of comparisons.
 */
export type DType = "float32" | "float16" | "bfloat16" | "int32" | "bool"

/** The shape and dtype of a tensor. With `TensorType<number>` no dimension depends on the batch. */
export interface TensorType<D extends Dim = Dim> {
  readonly shape: readonly D[]
  readonly dtype: DType
}

type None = Readonly<Record<string, never>>
type Window = {
  readonly strides: readonly [number, number]
  /** Rows and columns of padding: top, bottom, left, right. */
  readonly padding: readonly [number, number, number, number]
}

/** The attributes of every op. A node holds the shapes of its outputs, so attributes do not repeat them. */
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
  sin: None
  cos: None
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
  // Fused ops: a backend that does not support one gets its decomposition.
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
  // Convolutions: a backend supports all of them or none.
  conv2d: Window
  conv2dInputGrad: Window
  conv2dWeightGrad: Window
  maxPool2d: Window & { readonly size: readonly [number, number] }
  gather: None
  scatterAdd: None
}

/** The names of the ops. */
export type OpName = keyof Ops

type One<T> = readonly [x: T]
type Two<T> = readonly [a: T, b: T]

/** The inputs of every op, where `T` stands for an input: a tensor, its type, or a backend's value. */
export interface OpInputs<T> {
  input: readonly []
  state: readonly []
  constant: readonly []
  full: readonly []
  add: Two<T>
  sub: Two<T>
  mul: Two<T>
  div: Two<T>
  maximum: Two<T>
  greater: Two<T>
  where: readonly [condition: T, a: T, b: T]
  neg: One<T>
  exp: One<T>
  log: One<T>
  sqrt: One<T>
  erf: One<T>
  sin: One<T>
  cos: One<T>
  tanh: One<T>
  isFinite: One<T>
  cast: One<T>
  reshape: One<T>
  transpose: One<T>
  broadcastTo: One<T>
  concat: readonly T[]
  split: One<T>
  slice: One<T>
  pad: One<T>
  sum: One<T>
  max: One<T>
  matMul: Two<T>
  dropoutMask: readonly [key: T]
  stopGradient: One<T>
  barrier: One<T>
  /** There is one bias, or none. */
  linear: readonly [x: T, weight: T, ...bias: T[]]
  relu: One<T>
  /** `y` is the output of relu; its input has the same signs. */
  reluGrad: readonly [dy: T, y: T]
  gelu: One<T>
  geluGrad: readonly [dy: T, x: T]
  softmax: One<T>
  softmaxGrad: readonly [dy: T, y: T]
  softmaxCrossEntropy: readonly [logits: T, targets: T]
  layerNorm: readonly [x: T, weight: T, bias: T]
  layerNormGrad: readonly [dy: T, x: T, weight: T, mean: T, rstd: T]
  groupNorm: readonly [x: T, weight: T, bias: T]
  groupNormGrad: readonly [dy: T, x: T, weight: T, mean: T, rstd: T]
  attention: readonly [q: T, k: T, v: T]
  attentionGrad: readonly [dcontext: T, q: T, k: T, v: T, context: T, logSumExp: T]
  adamW: readonly [parameter: T, gradient: T, m: T, v: T, stepSize: T, correction: T, decay: T]
  conv2d: readonly [x: T, weight: T]
  conv2dInputGrad: readonly [dy: T, weight: T]
  conv2dWeightGrad: readonly [dy: T, x: T]
  maxPool2d: One<T>
  gather: readonly [x: T, indices: T]
  scatterAdd: readonly [values: T, indices: T]
}

/** The outputs of the ops that have several. */
interface ManyOutputs<T> {
  split: readonly T[]
  layerNorm: readonly [y: T, mean: T, rstd: T]
  layerNormGrad: readonly [dx: T, dweight: T, dbias: T]
  groupNorm: readonly [y: T, mean: T, rstd: T]
  groupNormGrad: readonly [dx: T, dweight: T, dbias: T]
  attention: readonly [context: T, logSumExp: T]
  attentionGrad: readonly [dq: T, dk: T, dv: T]
  adamW: readonly [parameter: T, m: T, v: T]
  maxPool2d: readonly [values: T, indices: T]
}

/** An op with one output. */
export type SingleOp = Exclude<OpName, keyof ManyOutputs<unknown>>

/** The outputs of every op, where `T` stands for an output. */
export type OpOutputs<T> = { readonly [K in SingleOp]: readonly [T] } & ManyOutputs<T>

/**
 * One application of an op. Nodes are immutable and do not depend on an engine. Several nodes may read the same node.
 */
export type Node<K extends OpName = OpName> = {
  [Op in K]: {
    readonly op: Op
    readonly attributes: Ops[Op]
    readonly inputs: OpInputs<Tensor>[Op]
    readonly outputs: OpOutputs<TensorType>[Op]
  }
}[K]

/** A symbolic tensor: one output of a node. It holds no values. A backend computes the values when a graph runs. */
export interface Tensor extends TensorType {
  readonly node: Node
  /** Which of the node's outputs this is. */
  readonly index: number
}

/** Maps each input of an op by `f`. */
export function mapInputs<K extends OpName, T, U>(
  { inputs }: { readonly op: K; readonly inputs: OpInputs<T>[K] },
  f: (input: T) => U,
): OpInputs<U>[K] {
  const list: readonly T[] = inputs
  return list.map(f) as unknown as OpInputs<U>[K]
}

/** Maps each output of an op by `f`, which also gets the output's index. */
export function mapOutputs<K extends OpName, T, U>(
  { outputs }: { readonly op: K; readonly outputs: OpOutputs<T>[K] },
  f: (output: T, index: number) => U,
): OpOutputs<U>[K] {
  const list: readonly T[] = outputs
  return list.map(f) as unknown as OpOutputs<U>[K]
}

/** The tensors that a node makes. */
export function outputsOf<K extends OpName>(node: Node<K>): OpOutputs<Tensor>[K] {
  return mapOutputs<K, TensorType, Tensor>(node, ({ shape, dtype }, index) => ({
    node: node as Node,
    index,
    shape,
    dtype,
  }))
}

/** Makes a node and returns its outputs. Shapes must have been checked by the op that calls this. */
export function apply<K extends OpName>(
  op: K,
  inputs: OpInputs<Tensor>[K],
  attributes: Ops[K],
  outputs: OpOutputs<TensorType>[K],
): OpOutputs<Tensor>[K] {
  const types: readonly TensorType[] = outputs
  for (const { shape } of types)
    for (const [axis, dim] of shape.entries()) {
      if (typeof dim === "string" && axis > 0)
        throw new VitrineError("shape", `${op}: only the first dimension may be the batch, got ${showShape(shape)}`)
      if (typeof dim === "number" && !(Number.isSafeInteger(dim) && dim >= 0))
        throw new VitrineError("shape", `${op}: ${showShape(shape)} is not a shape`)
    }
  return outputsOf<K>({ op, attributes, inputs, outputs })
}

/** `apply` for the ops that have one output. */
export function applyOne<K extends SingleOp>(
  op: K,
  inputs: OpInputs<Tensor>[K],
  attributes: Ops[K],
  shape: Shape,
  dtype: DType = "float32",
): Tensor {
  const type: TensorType = { shape, dtype }
  const [output] = apply<K>(op, inputs, attributes, [type])
  return output
}
