import { VitrineError } from "../errors.ts"
import { dimAt, fixed, type Shape, sameShape, showShape } from "./shape.ts"
import { apply, applyOne, type Tensor } from "./tensor.ts"

// Ops that a backend may run as one kernel. If a backend has no kernel for one, `lower` replaces it by its
// decomposition in graph/decompose.ts.

function expect(op: string, name: string, t: Tensor, shape: Shape): void {
  if (!sameShape(t.shape, shape))
    throw new VitrineError("shape", `${op}: ${name} must be ${showShape(shape)}, got ${showShape(t.shape)}`)
}

/** `x weightᵀ + bias`: x `[…, in]`, weight `[out, in]`, bias `[out]` → `[…, out]`. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const [outputs, inputs] = weight.shape
  if (weight.shape.length !== 2 || x.shape.at(-1) !== inputs || outputs === undefined)
    throw new VitrineError(
      "shape",
      `linear: x ${showShape(x.shape)} does not fit weight ${showShape(weight.shape)} [out, in]`,
    )
  if (bias !== undefined) expect("linear", "bias", bias, [outputs])
  return applyOne("linear", bias ? [x, weight, bias] : [x, weight], {}, x.shape.with(-1, outputs))
}

/** max(x, 0), with gradient 0 at 0. */
export function relu(x: Tensor): Tensor {
  return applyOne("relu", [x], {}, x.shape)
}

/** The gradient of relu. `y` is relu's output, or its input, which is positive at the same elements. */
export function reluGrad(dy: Tensor, y: Tensor): Tensor {
  expect("reluGrad", "dy", dy, y.shape)
  return applyOne("reluGrad", [dy, y], {}, y.shape)
}

/** x Φ(x) by erf, or approximately by tanh (Hendrycks and Gimpel, 2016). The two differ by up to 4.73e-4. */
export function gelu(x: Tensor, { approximate = false }: { readonly approximate?: boolean } = {}): Tensor {
  return applyOne("gelu", [x], { approximate }, x.shape)
}

export function geluGrad(
  dy: Tensor,
  x: Tensor,
  { approximate = false }: { readonly approximate?: boolean } = {},
): Tensor {
  expect("geluGrad", "dy", dy, x.shape)
  return applyOne("geluGrad", [dy, x], { approximate }, x.shape)
}

/** Softmax over the last axis. */
export function softmax(x: Tensor): Tensor {
  return applyOne("softmax", [x], {}, x.shape)
}

/** The gradient of softmax from its output `y`. */
export function softmaxGrad(dy: Tensor, y: Tensor): Tensor {
  expect("softmaxGrad", "dy", dy, y.shape)
  return applyOne("softmaxGrad", [dy, y], {}, y.shape)
}

/**
 * Cross-entropy of each row, `−Σ targets · log softmax(logits)`: logits and targets `[rows, classes]` → `[rows]`.
 * Targets are distributions, so label smoothing, mixup and class weights change only the targets. No gradient flows to
 * the targets.
 */
export function softmaxCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  expect("softmaxCrossEntropy", "targets", targets, logits.shape)
  if (logits.shape.length !== 2)
    throw new VitrineError(
      "shape",
      `softmaxCrossEntropy: logits must be [rows, classes], got ${showShape(logits.shape)}`,
    )
  return applyOne("softmaxCrossEntropy", [logits, targets], {}, logits.shape.slice(0, 1))
}

/** The outputs of a norm. */
export interface Normalized {
  readonly y: Tensor
  /** The means: `[…, 1]` of a layer norm, `[batch, groups]` of a group norm. */
  readonly mean: Tensor
  /** 1 / √(variance + ε), in the shape of the means. */
  readonly rstd: Tensor
}

/** LayerNorm over the last axis, with the biased variance: x `[…, dim]`, weight and bias `[dim]`. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Normalized {
  const dim = x.shape.slice(-1)
  expect("layerNorm", "weight", weight, dim)
  expect("layerNorm", "bias", bias, dim)
  const rows = { shape: x.shape.with(-1, 1), dtype: x.dtype }
  const [y, mean, rstd] = apply("layerNorm", [x, weight, bias], { epsilon }, [x, rows, rows])
  return { y, mean, rstd }
}

/** Gradients of layerNorm to x, weight and bias. */
export function layerNormGrad(
  dy: Tensor,
  x: Tensor,
  weight: Tensor,
  mean: Tensor,
  rstd: Tensor,
): readonly [dx: Tensor, dweight: Tensor, dbias: Tensor] {
  expect("layerNormGrad", "dy", dy, x.shape)
  return apply("layerNormGrad", [dy, x, weight, mean, rstd], {}, [x, weight, weight])
}

/**
 * Group norm (Wu and He, 2018), as in `torch.nn.GroupNorm`. The channels form equal groups of neighbours. Each group of
 * an image is normed over its channels and all places, with the biased variance: x `[batch, height, width, channels]`,
 * weight and bias `[channels]`.
 */
export function groupNorm(x: Tensor, weight: Tensor, bias: Tensor, groups: number, epsilon: number): Normalized {
  const channels = x.shape.slice(-1)
  if (x.shape.length !== 4 || fixed(x.shape, 3) % groups !== 0)
    throw new VitrineError("shape", `groupNorm: ${groups} groups do not divide the channels of ${showShape(x.shape)}`)
  expect("groupNorm", "weight", weight, channels)
  expect("groupNorm", "bias", bias, channels)
  const statistic = { shape: [dimAt(x.shape, 0), groups], dtype: x.dtype }
  const [y, mean, rstd] = apply("groupNorm", [x, weight, bias], { groups, epsilon }, [x, statistic, statistic])
  return { y, mean, rstd }
}

/** Gradients of groupNorm to x, weight and bias. */
export function groupNormGrad(
  dy: Tensor,
  x: Tensor,
  weight: Tensor,
  { mean, rstd }: Pick<Normalized, "mean" | "rstd">,
  groups: number,
): readonly [dx: Tensor, dweight: Tensor, dbias: Tensor] {
  expect("groupNormGrad", "dy", dy, x.shape)
  return apply("groupNormGrad", [dy, x, weight, mean, rstd], { groups }, [x, weight, weight])
}

export interface Attended {
  /** `[…, queries, headDim]` */
  readonly context: Tensor
  /** log Σ exp of each row of scores, `[…, queries, 1]`. The backward pass computes the softmax from it again. */
  readonly logSumExp: Tensor
}

function checkAttention(op: string, q: Tensor, k: Tensor, v: Tensor): void {
  const rank = q.shape.length
  const lead = q.shape.slice(0, -2)
  const fits =
    rank >= 2 &&
    k.shape.length === rank &&
    v.shape.length === rank &&
    sameShape(lead, k.shape.slice(0, -2)) &&
    sameShape(lead, v.shape.slice(0, -2)) &&
    q.shape[rank - 1] === k.shape[rank - 1] &&
    k.shape[rank - 2] === v.shape[rank - 2]
  if (!fits)
    throw new VitrineError(
      "shape",
      `${op}: q ${showShape(q.shape)}, k ${showShape(k.shape)} and v ${showShape(v.shape)} do not fit together`,
    )
}

/** `softmax(scale · q kᵀ) v` (Vaswani et al., 2017, eq. 1): q, k, v `[batch, heads, tokens, headDim]`. */
export function attention(q: Tensor, k: Tensor, v: Tensor, scale: number): Attended {
  checkAttention("attention", q, k, v)
  const [context, logSumExp] = apply("attention", [q, k, v], { scale }, [
    { shape: q.shape.with(-1, dimAt(v.shape, -1)), dtype: q.dtype },
    { shape: q.shape.with(-1, 1), dtype: q.dtype },
  ])
  return { context, logSumExp }
}

/** Gradients of attention to q, k and v. */
export function attentionGrad(
  dcontext: Tensor,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { context, logSumExp }: Attended,
  scale: number,
): readonly [dq: Tensor, dk: Tensor, dv: Tensor] {
  checkAttention("attentionGrad", q, k, v)
  expect("attentionGrad", "dcontext", dcontext, context.shape)
  return apply("attentionGrad", [dcontext, q, k, v, context, logSumExp], { scale }, [q, k, v])
}

/**
 * The scalars of AdamW that change from step to step. They are inputs of the graph, so that one compiled program serves
 * all steps.
 */
export interface AdamWScalars {
  /** Learning rate over 1 − β₁ᵗ. */
  readonly stepSize: Tensor
  /** 1 / √(1 − β₂ᵗ). */
  readonly correction: Tensor
  /** 1 − learning rate · weight decay, or 1. */
  readonly decay: Tensor
}

/** One step of AdamW (Loshchilov and Hutter, 2019) in the order of PyTorch: decay, moments, update. With decay 1 it is Adam. */
export function adamW(
  parameter: Tensor,
  gradient: Tensor,
  m: Tensor,
  v: Tensor,
  { stepSize, correction, decay }: AdamWScalars,
  attributes: { readonly beta1: number; readonly beta2: number; readonly epsilon: number },
): readonly [parameter: Tensor, m: Tensor, v: Tensor] {
  for (const [name, t] of Object.entries({ gradient, m, v })) expect("adamW", name, t, parameter.shape)
  for (const [name, t] of Object.entries({ stepSize, correction, decay })) expect("adamW", name, t, [])
  const inputs = [parameter, gradient, m, v, stepSize, correction, decay] as const
  return apply("adamW", inputs, attributes, [parameter, parameter, parameter])
}
