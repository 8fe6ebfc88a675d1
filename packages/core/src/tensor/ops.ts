import { VitrineError } from "../errors.ts"
import {
  broadcastShapes,
  type Dim,
  dimAt,
  elementCount,
  fixed,
  product,
  type Shape,
  sameShape,
  showShape,
} from "./shape.ts"
import { apply, applyOne, type DType, type Tensor } from "./tensor.ts"

// The required ops: a backend that runs these runs everything. Each function checks shapes here, for all backends.

function fail(op: string, message: string): never {
  throw new VitrineError("shape", `${op}: ${message}`)
}

function checkDType(op: string, t: Tensor, dtype: DType): void {
  if (t.dtype !== dtype) fail(op, `expects ${dtype}, got ${t.dtype} ${showShape(t.shape)}`)
}

function checkAxis(op: string, t: Tensor, axis: number): number {
  const positive = axis < 0 ? t.shape.length + axis : axis
  if (!(Number.isInteger(positive) && positive >= 0 && positive < t.shape.length))
    fail(op, `no axis ${axis} in ${showShape(t.shape)}`)
  return positive
}

// Leaves

/** A value that the caller gives to every run. */
export function input(name: string, shape: Shape, dtype: DType = "float32"): Tensor {
  return applyOne("input", [], { name }, shape, dtype)
}

/** The value of a slot that lives on the backend between runs: a parameter, an optimizer's moment, an accumulator. */
export function state(name: string, shape: Shape, dtype: DType = "float32"): Tensor {
  if (shape.some((dim) => typeof dim !== "number"))
    fail("state", `"${name}" cannot depend on the batch: ${showShape(shape)}`)
  return applyOne("state", [], { name }, shape, dtype)
}

/** Values that are part of the graph. A Float32Array makes a float32 tensor, an Int32Array an int32 tensor. */
export function constant(data: Float32Array | Int32Array, shape: Shape): Tensor {
  if (elementCount(shape) !== data.length) fail("constant", `${data.length} values do not fill ${showShape(shape)}`)
  return applyOne("constant", [], { data }, shape, data instanceof Int32Array ? "int32" : "float32")
}

export function full(shape: Shape, value: number): Tensor {
  return applyOne("full", [], { value }, shape)
}

export function scalar(value: number): Tensor {
  return full([], value)
}

// Element-wise

export type Operand = Tensor | number

type Binary = "add" | "sub" | "mul" | "div" | "maximum"

function binary(op: Binary | "greater", a: Operand, b: Operand): Tensor {
  const x = typeof a === "number" ? scalar(a) : a
  const y = typeof b === "number" ? scalar(b) : b
  checkDType(op, x, "float32")
  checkDType(op, y, "float32")
  return applyOne(op, [x, y], {}, broadcastShapes(op, x.shape, y.shape), op === "greater" ? "bool" : "float32")
}

export const add = (a: Operand, b: Operand): Tensor => binary("add", a, b)
export const sub = (a: Operand, b: Operand): Tensor => binary("sub", a, b)
export const mul = (a: Operand, b: Operand): Tensor => binary("mul", a, b)
export const div = (a: Operand, b: Operand): Tensor => binary("div", a, b)
/** The greater of the two, or NaN where either is NaN. The gradient of a tie goes to `a`. */
export const maximum = (a: Operand, b: Operand): Tensor => binary("maximum", a, b)
/** Bool: a > b, false where either is NaN. */
export const greater = (a: Operand, b: Operand): Tensor => binary("greater", a, b)

/** `a` where the bool `condition` is true, `b` elsewhere. All three broadcast. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const x = typeof a === "number" ? scalar(a) : a
  const y = typeof b === "number" ? scalar(b) : b
  checkDType("where", condition, "bool")
  checkDType("where", x, "float32")
  checkDType("where", y, "float32")
  const shape = broadcastShapes("where", condition.shape, broadcastShapes("where", x.shape, y.shape))
  return applyOne("where", [condition, x, y], {}, shape)
}

type Unary = "neg" | "exp" | "log" | "sqrt" | "erf" | "sin" | "cos" | "tanh"

function unary(op: Unary, x: Tensor): Tensor {
  checkDType(op, x, "float32")
  return applyOne(op, [x], {}, x.shape)
}

export const neg = (x: Tensor): Tensor => unary("neg", x)
export const exp = (x: Tensor): Tensor => unary("exp", x)
/** Natural logarithm. */
export const log = (x: Tensor): Tensor => unary("log", x)
export const sqrt = (x: Tensor): Tensor => unary("sqrt", x)
/** Gauss error function. */
export const erf = (x: Tensor): Tensor => unary("erf", x)
export const sin = (x: Tensor): Tensor => unary("sin", x)
export const cos = (x: Tensor): Tensor => unary("cos", x)
export const tanh = (x: Tensor): Tensor => unary("tanh", x)
export const sigmoid = (x: Tensor): Tensor => mul(add(tanh(mul(x, 0.5)), 1), 0.5)
export const abs = (x: Tensor): Tensor => maximum(x, neg(x))
export const square = (x: Tensor): Tensor => mul(x, x)

/** Bool: neither infinite nor NaN. */
export function isFinite(x: Tensor): Tensor {
  checkDType("isFinite", x, "float32")
  return applyOne("isFinite", [x], {}, x.shape, "bool")
}

/** The same numbers in another dtype; bool becomes 0 and 1. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : applyOne("cast", [x], {}, x.shape, dtype)
}

// Shape

/** The same elements in another shape. The batch dimension, if there is one, stays the first. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (product(shape) !== product(x.shape))
    fail("reshape", `${showShape(x.shape)} does not fit into ${showShape(shape)}`)
  return sameShape(x.shape, shape) ? x : applyOne("reshape", [x], {}, shape, x.dtype)
}

/** Axis `i` of the result is axis `permutation[i]` of `x`. */
export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  const axes = new Set(permutation)
  if (permutation.length !== x.shape.length || !x.shape.every((_, i) => axes.has(i)))
    fail("transpose", `[${permutation}] is not a permutation of the axes of ${showShape(x.shape)}`)
  if (permutation.every((axis, i) => axis === i)) return x
  const shape = permutation.map((axis) => dimAt(x.shape, axis))
  return applyOne("transpose", [x], { permutation }, shape, x.dtype)
}

export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  if (!sameShape(broadcastShapes("broadcastTo", x.shape, shape), shape))
    fail("broadcastTo", `${showShape(x.shape)} does not broadcast to ${showShape(shape)}`)
  return sameShape(x.shape, shape) ? x : applyOne("broadcastTo", [x], {}, shape, x.dtype)
}

export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const [first, ...rest] = parts
  if (first === undefined) return fail("concat", "nothing to join")
  if (rest.length === 0) return first
  const at = checkAxis("concat", first, axis)
  let size = fixed(first.shape, at)
  for (const part of rest) {
    const fits =
      part.shape.length === first.shape.length && part.shape.every((d, i) => i === at || d === first.shape[i])
    if (!fits || part.dtype !== first.dtype)
      fail("concat", `${showShape(part.shape)} does not join ${showShape(first.shape)} along axis ${at}`)
    size += fixed(part.shape, at)
  }
  return applyOne("concat", parts, { axis: at }, first.shape.with(at, size), first.dtype)
}

/** Equal parts along an axis. */
export function split(x: Tensor, axis: number, parts: 2): readonly [Tensor, Tensor]
export function split(x: Tensor, axis: number, parts: 3): readonly [Tensor, Tensor, Tensor]
export function split(x: Tensor, axis: number, parts: number): readonly Tensor[]
export function split(x: Tensor, axis: number, parts: number): readonly Tensor[] {
  const at = checkAxis("split", x, axis)
  const size = fixed(x.shape, at) / parts
  if (!Number.isInteger(size))
    fail("split", `axis ${at} of ${showShape(x.shape)} does not fall into ${parts} equal parts`)
  const type = { shape: x.shape.with(at, size), dtype: x.dtype }
  return apply(
    "split",
    [x],
    { axis: at, parts },
    Array.from({ length: parts }, () => type),
  )
}

/** The part from `start` (inclusive) to `end` (exclusive) of one axis. */
export function slice(x: Tensor, axis: number, start: number, end: number): Tensor {
  const at = checkAxis("slice", x, axis)
  const size = fixed(x.shape, at)
  if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= size))
    fail("slice", `${start} to ${end} does not lie within axis ${at} of ${showShape(x.shape)}`)
  if (start === 0 && end === size) return x
  return applyOne("slice", [x], { axis: at, start, end }, x.shape.with(at, end - start), x.dtype)
}

/** Adds zeros before and after the elements of one axis. */
export function pad(x: Tensor, axis: number, before: number, after: number): Tensor {
  const at = checkAxis("pad", x, axis)
  checkDType("pad", x, "float32")
  if (!(Number.isInteger(before) && Number.isInteger(after) && before >= 0 && after >= 0))
    fail("pad", `cannot pad by ${before} and ${after}`)
  if (before + after === 0) return x
  return applyOne("pad", [x], { axis: at, before, after }, x.shape.with(at, fixed(x.shape, at) + before + after))
}

// Reductions and products

function reduce(op: "sum" | "max", x: Tensor, axes: readonly number[] | undefined, keepDims: boolean): Tensor {
  checkDType(op, x, "float32")
  const at = [...new Set((axes ?? x.shape.map((_, i) => i)).map((axis) => checkAxis(op, x, axis)))].sort(
    (a, b) => a - b,
  )
  if (at.length === 0) return x
  const shape = x.shape.flatMap((dim, i): Dim[] => (at.includes(i) ? (keepDims ? [1] : []) : [dim]))
  return applyOne(op, [x], { axes: at, keepDims }, shape)
}

/** The sum over `axes`, or over all of them. */
export function sum(x: Tensor, axes?: readonly number[], keepDims = false): Tensor {
  return reduce("sum", x, axes, keepDims)
}

/** The greatest value over `axes`, or over all of them. Tied elements get the whole gradient each. */
export function max(x: Tensor, axes?: readonly number[], keepDims = false): Tensor {
  return reduce("max", x, axes, keepDims)
}

/** The mean over axes of fixed size. */
export function mean(x: Tensor, axes: readonly number[], keepDims = false): Tensor {
  const n = axes.reduce((count, axis) => count * fixed(x.shape, axis), 1)
  return mul(sum(x, axes, keepDims), 1 / n)
}

/**
 * Matrix products over the last two axes, `[…, m, k] × […, k, n] → […, m, n]`. All axes before the last two must be
 * equal. The options transpose a factor first.
 */
export function matMul(
  a: Tensor,
  b: Tensor,
  { transposeA = false, transposeB = false }: { readonly transposeA?: boolean; readonly transposeB?: boolean } = {},
): Tensor {
  checkDType("matMul", a, "float32")
  checkDType("matMul", b, "float32")
  const rank = a.shape.length
  const factors = `${showShape(a.shape)}${transposeA ? "ᵀ" : ""} × ${showShape(b.shape)}${transposeB ? "ᵀ" : ""}`
  if (rank < 2 || rank !== b.shape.length) fail("matMul", `ranks must be equal and at least 2: ${factors}`)
  for (let i = 0; i < rank - 2; i++)
    if (a.shape[i] !== b.shape[i]) fail("matMul", `${a.shape[i]} and ${b.shape[i]} differ in axis ${i}: ${factors}`)
  const [m, k] = transposeA ? [dimAt(a.shape, -1), dimAt(a.shape, -2)] : [dimAt(a.shape, -2), dimAt(a.shape, -1)]
  const [k2, n] = transposeB ? [dimAt(b.shape, -1), dimAt(b.shape, -2)] : [dimAt(b.shape, -2), dimAt(b.shape, -1)]
  if (k !== k2) fail("matMul", `inner sizes ${k} and ${k2} differ: ${factors}`)
  return applyOne("matMul", [a, b], { transposeA, transposeB }, [...a.shape.slice(0, -2), m, n])
}

// Randomness and structure

/**
 * The mask of inverted dropout: 0 with probability `rate`, else 1 / (1 − rate). It is `dropoutMask` of `random.ts` with the key
 * `foldKey(key, path)`. `key` is an int32 input of shape [2] that changes from step to step.
 */
export function dropoutMask(key: Tensor, path: string, shape: Shape, rate: number): Tensor {
  checkDType("dropoutMask", key, "int32")
  if (!sameShape(key.shape, [2])) fail("dropoutMask", `the key must be [2], got ${showShape(key.shape)}`)
  if (!(rate >= 0 && rate < 1)) fail("dropoutMask", `the rate must be in [0, 1), got ${rate}`)
  return applyOne("dropoutMask", [key], { path, rate }, shape)
}

/** The same value. No gradient flows through it. */
export function stopGradient(x: Tensor): Tensor {
  return applyOne("stopGradient", [x], {}, x.shape, x.dtype)
}

/**
 * The same value under another identity. Values computed from a barrier are computed again even where equal ones exist,
 * so that activations need not be kept. Barriers with different ids are never merged with each other.
 */
export function barrier(x: Tensor, id: string): Tensor {
  return applyOne("barrier", [x], { id }, x.shape, x.dtype)
}
