import type { DType } from "@vitrine/core"
import type { Ops } from "@vitrine/core/backend"
import type { View } from "./view.ts"

/** A stretch of an axis that is filled from one input, or with zeros where `from` is null. */
export interface Piece {
  readonly end: number
  readonly from: number | null
}

/** What each kind of step is told besides what it reads and writes. */
export interface Steps {
  // Point by point: element i of each output from element i of each input
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
  relu: None
  gelu: { readonly approximate: boolean }
  geluGrad: { readonly approximate: boolean }
  cast: { readonly from: DType; readonly to: DType }
  /** The input's elements, in order. */
  copy: None
  /** The inputs one after the other along an axis: concatenation and padding. */
  pieces: { readonly axis: number; readonly pieces: readonly Piece[] }
  dropoutMask: { readonly path: string; readonly rate: number }
  // The rest writes whole tensors
  sum: { readonly axes: readonly number[] }
  max: { readonly axes: readonly number[] }
  /** `[…, m, k] × […, k, n]`; the second output, where there is one, is the sum over k of the first factor. */
  matMul: None
  softmax: None
  softmaxGrad: None
  softmaxCrossEntropy: None
  layerNorm: { readonly epsilon: number }
  /** The gradient to x, from dy, x, weight, mean and rstd. */
  layerNormGrad: None
  /** The gradients to weight and bias, from dy, x, mean and rstd. */
  layerNormGradWeight: None
  attention: { readonly scale: number }
  /** dq, and for each query the sum of dcontext · context, from dcontext, q, k, v, context, logSumExp. */
  attentionGradQuery: { readonly scale: number }
  /** dk and dv, from dcontext, q, k, v, logSumExp and those sums. */
  attentionGradKey: { readonly scale: number }
  /** √ of nothing: the sum of the squares of all inputs together, each dense. */
  sumOfSquares: None
  conv2d: Window
  conv2dInputGrad: Window
  conv2dWeightGrad: Window
  maxPool2d: Ops["maxPool2d"]
  gather: None
  scatterAdd: None
}

type None = Readonly<Record<string, never>>
export type Window = Ops["conv2d"]

export type StepName = keyof Steps

export interface Step<K extends StepName = StepName> {
  readonly op: K
  readonly attributes: Steps[K]
  readonly inputs: readonly View[]
  /** Where the results go; null for one that nobody reads. */
  readonly outputs: readonly (View | null)[]
  /** Of steps that compute the next values of slots, and write them in place: the set that becomes one kernel. */
  readonly late?: number
}

const pointwise: ReadonlySet<string> = new Set([
  "add",
  "sub",
  "mul",
  "div",
  "maximum",
  "greater",
  "where",
  "neg",
  "exp",
  "log",
  "sqrt",
  "erf",
  "tanh",
  "isFinite",
  "relu",
  "gelu",
  "geluGrad",
  "cast",
  "copy",
  "pieces",
  "dropoutMask",
])

export const isPointwise = (op: string): boolean => pointwise.has(op)
