import { ops, type Tensor } from "@vitrine/core"
import type { Draw } from "../draw.ts"
import { broadcastable, type Case, property, shapes } from "./case.ts"

const { add, cast, cos, div, erf, exp, greater, isFinite, log, maximum, mul, neg, sin, sqrt, sub, tanh, where } = ops

type Binary = (a: Tensor | number, b: Tensor | number) => Tensor

const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1, -1, 2.5]

/** Pairs of each special value with each other one. */
const drawPairs = (d: Draw): [Tensor, Tensor] => {
  const n = special.length
  return [
    d.values(
      [n * n],
      special.flatMap((a) => special.map(() => a)),
    ),
    d.values(
      [n * n],
      special.flatMap(() => special),
    ),
  ]
}

function binary(op: Binary, divisor: (draw: Draw, shape: readonly number[]) => Tensor = (d, s) => d.normal(s)): Case {
  return {
    "same shapes": (d) => op(d.normal([3, 5]), divisor(d, [3, 5])),
    scalars: (d) => op(d.normal([]), divisor(d, [])),
    "a scalar and a tensor": (d) => op(d.normal([]), divisor(d, [2, 3, 7])),
    "a tensor and a number": (d) => [op(d.normal([2, 9]), 1.5), op(-0.75, divisor(d, [2, 9]))],
    "a row and a column": (d) => op(d.normal([1, 6]), divisor(d, [5, 1])),
    "a bias": (d) => op(d.normal([2, 3, 4, 5]), divisor(d, [5])),
    "per example": (d) => op(d.normal([4, 3, 5]), divisor(d, [4, 1, 1])),
    "axes of 1 on both sides": (d) => op(d.normal([1, 3, 1, 2]), divisor(d, [4, 1, 5, 1])),
    "one tensor twice": (d) => {
      const x = divisor(d, [11])
      return op(x, x)
    },
    "any shapes": property(broadcastable(2), (d, [a, b]) => [
      op(d.normal(a as number[]), divisor(d, b as number[])),
      op(d.normal(b as number[]), divisor(d, a as number[])),
    ]),
  }
}

function unary(op: (x: Tensor) => Tensor, draw: (d: Draw, shape: readonly number[]) => Tensor): Case {
  return {
    "a vector": (d) => op(draw(d, [17])),
    "a scalar": (d) => op(draw(d, [])),
    "four axes": (d) => op(draw(d, [2, 1, 5, 3])),
    "more than a vector unit": (d) => op(draw(d, [33, 65])),
    "any shape": property(shapes(), (d, shape) => op(draw(d, shape))),
  }
}

const positive = (d: Draw, shape: readonly number[]): Tensor => d.uniform(shape, 0.3, 4)
const normal = (d: Draw, shape: readonly number[]): Tensor => d.normal(shape, { scale: 1.5 })
/** Angles near the multiples of a quarter turn, up to those of the largest grids of patches. */
const turns = [
  -300,
  -32.1,
  -Math.PI,
  -1.6,
  -0.7853,
  0,
  1e-4,
  0.7854,
  1.5707,
  2.4,
  3.1416,
  4.7,
  6.2832,
  31.9,
  127.5,
  255,
]
const plain = (build: (d: Draw) => readonly Tensor[]) => (d: Draw) => build(d).map(ops.stopGradient)

export const elementwise: Readonly<Record<string, Case>> = {
  add: binary(add),
  sub: binary(sub),
  mul: binary(mul),
  div: {
    ...binary(div, positive),
    "by zero": plain((d) => [div(d.values([3], [1, -1, 0]), d.values([3], [0, 0, 0]))]),
  },
  maximum: {
    ...binary(maximum),
    "ties send the gradient to the first": (d) => maximum(d.values([4], [1, 2, 3, 0]), d.values([4], [1, 3, 2, 0])),
    "NaN and infinity": plain((d) => [maximum(...drawPairs(d))]),
  },
  greater: {
    ...binary(greater),
    "NaN and infinity": (d) => greater(...drawPairs(d)),
  },
  where: {
    "same shapes": (d) => where(d.bools([4, 5]), d.normal([4, 5]), d.normal([4, 5])),
    scalars: (d) => where(d.bools([]), d.normal([]), d.normal([])),
    "a number": (d) => [where(d.bools([7]), d.normal([7]), 0), where(d.bools([7]), -1, d.normal([7]))],
    "a condition for all": (d) => where(d.bools([]), d.normal([3, 4]), d.normal([3, 4])),
    "a condition that broadcasts": (d) => where(d.bools([3, 1]), d.normal([4]), d.normal([2, 1, 1])),
    "what is not chosen does not matter": plain((d) => [
      where(isFinite(d.values([3], [Number.NaN, 1, Number.POSITIVE_INFINITY])), 0, d.values([3], [1, Number.NaN, 3])),
    ]),
    "of a comparison": (d) => {
      const [a, b] = [d.normal([5, 6]), d.normal([6])]
      return where(greater(a, b), mul(a, 2), b)
    },
    "any shapes": property(broadcastable(3), (d, [a, b, c]) => [
      where(d.bools(a as number[]), d.normal(b as number[]), d.normal(c as number[])),
      where(d.bools(b as number[]), d.normal(c as number[]), d.normal(a as number[])),
    ]),
  },
  neg: unary(neg, normal),
  exp: {
    ...unary(exp, normal),
    "far out": plain((d) => [exp(d.values([4], [-1000, 1000, Number.NEGATIVE_INFINITY, 0]))]),
  },
  log: {
    ...unary(log, positive),
    "of zero and less": plain((d) => [log(d.values([4], [0, -1, Number.POSITIVE_INFINITY, 1]))]),
  },
  sqrt: { ...unary(sqrt, positive), "of zero and less": plain((d) => [sqrt(d.values([3], [0, -1, 1e-30]))]) },
  erf: {
    ...unary(erf, normal),
    "far out": (d) => erf(d.values([6], [-30, -4, 0, 1e-4, 4, 30])),
  },
  sin: { ...unary(sin, normal), "far out": (d) => sin(d.values([turns.length], turns)) },
  cos: { ...unary(cos, normal), "far out": (d) => cos(d.values([turns.length], turns)) },
  tanh: { ...unary(tanh, normal), "far out": (d) => tanh(d.values([6], [-1000, -20, 0, 1e-4, 20, 1000])) },
  isFinite: {
    "NaN and infinity": (d) => isFinite(d.values([special.length], special)),
    "a scalar": (d) => isFinite(d.normal([])),
  },
  cast: {
    "bool to float32": (d) => cast(d.bools([3, 5]), "float32"),
    "bool to int32": (d) => cast(d.bools([3, 5]), "int32"),
    "int32 to float32": (d) => cast(d.integers([9], 1000), "float32"),
    "float32 to int32": (d) => cast(d.values([5], [0, 1, -1, 300, -70000]), "int32"),
    "a comparison counted": (d) => ops.sum(cast(greater(d.normal([40]), 0), "float32")),
  },
  "storage dtypes": {
    float16: (d) => cast(cast(d.normal([64]), "float16"), "float32"),
    bfloat16: (d) => cast(cast(d.normal([64]), "bfloat16"), "float32"),
    "read twice": (d) => {
      const stored = cast(d.normal([16]), "bfloat16")
      return mul(cast(stored, "float32"), cast(stored, "float32"))
    },
    "ties go to even, too much is infinite": plain((d) => {
      const x = d.values([7], [0, -0.0001, 65504, -65519, 65520, 2049, 2051])
      return [cast(cast(x, "float16"), "float32"), cast(cast(d.values([3], [257, 259, 1e38]), "bfloat16"), "float32")]
    }),
  },
}
