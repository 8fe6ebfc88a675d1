import type { DType } from "@vitrine/core"
import type { Ops } from "@vitrine/core/backend"
import type { View } from "./view.ts"

/** A stretch of an axis up to `end`. It comes from the input with index `from`, or is zero if `from` is null. */
export interface Piece {
  readonly end: number
  readonly from: number | null
}

/** A result, or null if no step reads it. */
type Optional = View | null

type None = Readonly<Record<string, never>>

interface Kind<Inputs extends readonly View[], Outputs extends readonly (Optional | undefined)[], Attributes = None> {
  readonly inputs: Inputs
  readonly outputs: Outputs
  readonly attributes: Attributes
}

type Unary<Attributes = None> = Kind<readonly [x: View], readonly [y: View], Attributes>
type Binary<Attributes = None> = Kind<readonly [a: View, b: View], readonly [y: View], Attributes>

/** Steps that compute element i of their output from element i of each input. */
interface PointwiseSteps {
  add: Binary
  sub: Binary
  mul: Binary
  div: Binary
  maximum: Binary
  greater: Binary
  where: Kind<readonly [condition: View, a: View, b: View], readonly [y: View]>
  neg: Unary
  exp: Unary
  log: Unary
  sqrt: Unary
  erf: Unary
  sin: Unary
  cos: Unary
  tanh: Unary
  isFinite: Unary
  relu: Unary
  gelu: Unary<Ops["gelu"]>
  /** Computes the gradient from dy and x. */
  geluGrad: Binary<Ops["geluGrad"]>
  cast: Unary<{ readonly from: DType; readonly to: DType }>
  /** Copies the input's elements in order. */
  copy: Unary
  /** Joins the inputs along an axis, for concatenation and padding. */
  pieces: Kind<readonly View[], readonly [y: View], { readonly axis: number; readonly pieces: readonly Piece[] }>
  dropoutMask: Kind<readonly [key: View], readonly [mask: View], Ops["dropoutMask"]>
}

/** The steps that need a separate kernel. */
interface AnchorSteps {
  sum: Unary<{ readonly axes: readonly number[] }>
  max: Unary<{ readonly axes: readonly number[] }>
  /** `[…, m, k] × […, k, n]`. The second output, if there is one, is the sum of the first factor over k. */
  matMul: Kind<readonly [a: View, b: View], readonly [product: View, rowSums?: View]>
  softmax: Unary
  softmaxGrad: Kind<readonly [dy: View, y: View], readonly [dx: View]>
  softmaxCrossEntropy: Kind<readonly [logits: View, targets: View], readonly [losses: View]>
  layerNorm: Kind<
    readonly [x: View, weight: View, bias: View],
    readonly [y: Optional, mean: Optional, rstd: Optional],
    Ops["layerNorm"]
  >
  layerNormGrad: Kind<readonly [dy: View, x: View, weight: View, mean: View, rstd: View], readonly [dx: View]>
  layerNormGradWeight: Kind<
    readonly [dy: View, x: View, mean: View, rstd: View],
    readonly [dweight: Optional, dbias: Optional]
  >
  attention: Kind<
    readonly [q: View, k: View, v: View],
    readonly [context: Optional, logSumExp: Optional],
    Ops["attention"]
  >
  /** `delta` is the sum of dcontext · context for each query. */
  attentionGradQuery: Kind<
    readonly [dcontext: View, q: View, k: View, v: View, context: View, logSumExp: View],
    readonly [dq: Optional, delta: Optional],
    Ops["attentionGrad"]
  >
  attentionGradKey: Kind<
    readonly [dcontext: View, q: View, k: View, v: View, logSumExp: View, delta: View],
    readonly [dk: Optional, dv: Optional],
    Ops["attentionGrad"]
  >
  /** The sum of the squares of all elements of all inputs. Each input is dense. */
  sumOfSquares: Kind<readonly View[], readonly [sum: View]>
  conv2d: Kind<readonly [x: View, weight: View], readonly [y: View], Window>
  conv2dInputGrad: Kind<readonly [dy: View, weight: View], readonly [dx: View], Window>
  conv2dWeightGrad: Kind<readonly [dy: View, x: View], readonly [dweight: View], Window>
  maxPool2d: Kind<readonly [x: View], readonly [values: Optional, indices: Optional], Ops["maxPool2d"]>
  gather: Kind<readonly [x: View, indices: View], readonly [y: View]>
  scatterAdd: Kind<readonly [values: View, indices: View], readonly [y: View]>
}

export type Window = Ops["conv2d"]

type Steps = PointwiseSteps & AnchorSteps

export type StepName = keyof Steps

/** One computation on tensors in memory, of kind `K`. */
export type Step<K extends StepName = StepName> = {
  [Op in K]: Steps[Op] & {
    readonly op: Op
    /** The index of the step's late set: see late.ts. */
    readonly late?: number
  }
}[K]

export type PointwiseStep = Step<keyof PointwiseSteps>
export type AnchorStep = Step<keyof AnchorSteps>

const pointwise = {
  add: true,
  sub: true,
  mul: true,
  div: true,
  maximum: true,
  greater: true,
  where: true,
  neg: true,
  exp: true,
  log: true,
  sqrt: true,
  erf: true,
  sin: true,
  cos: true,
  tanh: true,
  isFinite: true,
  relu: true,
  gelu: true,
  geluGrad: true,
  cast: true,
  copy: true,
  pieces: true,
  dropoutMask: true,
} satisfies Record<keyof PointwiseSteps, true>

export const isPointwise = (op: string): op is keyof PointwiseSteps => Object.hasOwn(pointwise, op)

export const isPointwiseStep = (step: Step): step is PointwiseStep => isPointwise(step.op)
