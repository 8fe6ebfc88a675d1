import { ops, type Tensor } from "@vitrine/core"
import fc from "fast-check"
import { type Case, property, shapes, size } from "./case.ts"

const { add, barrier, broadcastTo, concat, constant, dropoutMask, full, matMul, max, mul, pad, reshape, scalar } = ops
const { slice, split, sum, stopGradient, transpose, maximum, exp } = ops

const axisOf = (shape: readonly number[]): fc.Arbitrary<number> => fc.nat(shape.length - 1)
const shapeAndAxes = shapes(1, 4).chain((shape) =>
  fc.tuple(fc.constant(shape), fc.subarray([...shape.keys()], { minLength: 1 }), fc.boolean()),
)

function reduction(op: (x: Tensor, axes?: readonly number[], keepDims?: boolean) => Tensor): Case {
  return {
    all: (d) => op(d.normal([3, 4])),
    "all, kept": (d) => op(d.normal([3, 4]), [0, 1], true),
    first: (d) => op(d.normal([7, 3, 5]), [0]),
    middle: (d) => op(d.normal([2, 6, 5]), [1]),
    last: (d) => op(d.normal([4, 3, 65]), [2]),
    "last, kept": (d) => op(d.normal([4, 3, 5]), [-1], true),
    "two that are not neighbours": (d) => op(d.normal([2, 3, 4, 5]), [0, 2]),
    "an axis of 1": (d) => op(d.normal([3, 1, 2]), [1]),
    "a scalar": (d) => op(d.normal([])),
    "many rows": (d) => op(d.normal([300, 3]), [0]),
    "any axes": property(shapeAndAxes, (d, [shape, axes, keep]) => op(d.normal(shape), axes, keep)),
  }
}

const matMulShapes = fc.tuple(fc.array(size, { maxLength: 2 }), size, size, size)

export const structure: Readonly<Record<string, Case>> = {
  "constant and full": {
    float: (d) => [add(d.normal([2, 3]), constant(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3])), full([3], -2)],
    int32: () => constant(Int32Array.of(1, -2, 3), [3]),
    "nothing but a constant": () => [constant(Float32Array.of(7), []), full([2, 2], 0.5), scalar(-3)],
    infinity: () => [scalar(Number.POSITIVE_INFINITY), full([2], Number.NaN)],
    "an input handed through": (d) => [d.normal([3]), d.integers([2], 5), d.bools([4])],
    "one value under two names": (d) => {
      const y = exp(d.normal([3]))
      return [y, y]
    },
  },
  reshape: {
    flatten: (d) => reshape(d.normal([2, 3, 4]), [24]),
    "to a scalar and back": (d) => [reshape(d.normal([1, 1]), []), reshape(d.normal([]), [1, 1, 1])],
    "of a transpose": (d) => reshape(transpose(d.normal([2, 3, 4]), [2, 0, 1]), [8, 3]),
    int32: (d) => reshape(d.integers([6], 9), [2, 3]),
    bool: (d) => reshape(d.bools([6]), [2, 3]),
  },
  transpose: {
    matrix: (d) => transpose(d.normal([5, 3]), [1, 0]),
    heads: (d) => transpose(d.normal([2, 7, 3, 4]), [0, 2, 1, 3]),
    patches: (d) => transpose(d.normal([2, 3, 4, 2, 4, 3]), [0, 1, 3, 2, 4, 5]),
    "a cycle": (d) => transpose(d.normal([2, 3, 4]), [1, 2, 0]),
    int32: (d) => transpose(d.integers([2, 3], 9), [1, 0]),
    "any permutation": property(
      shapes(2, 5).chain((shape) =>
        fc.tuple(
          fc.constant(shape),
          fc.shuffledSubarray([...shape.keys()], { minLength: shape.length, maxLength: shape.length }),
        ),
      ),
      (d, [shape, permutation]) => transpose(d.normal(shape), permutation),
    ),
  },
  broadcastTo: {
    "a scalar": (d) => broadcastTo(d.normal([]), [2, 3]),
    "a token": (d) => broadcastTo(d.normal([1, 1, 6]), [4, 1, 6]),
    "inner axes": (d) => broadcastTo(d.normal([2, 1, 3, 1]), [2, 4, 3, 5]),
    "to more axes": (d) => broadcastTo(d.normal([3]), [2, 2, 3]),
  },
  concat: {
    first: (d) => concat([d.normal([2, 3]), d.normal([1, 3]), d.normal([4, 3])], 0),
    last: (d) => concat([d.normal([2, 3, 1]), d.normal([2, 3, 5])], -1),
    middle: (d) => concat([d.normal([2, 1, 3]), d.normal([2, 4, 3])], 1),
    "one part twice": (d) => {
      const x = d.normal([2, 2])
      return concat([x, x], 0)
    },
    many: (d) =>
      concat(
        Array.from({ length: 9 }, (_, i) => d.normal([i + 1])),
        0,
      ),
    int32: (d) => concat([d.integers([2], 9), d.integers([3], 9)], 0),
  },
  split: {
    qkv: (d) => split(d.normal([2, 5, 12]), 2, 3),
    "two of three parts used": (d) => split(d.normal([6, 2]), 0, 3).slice(1),
    "into ones": (d) => split(d.normal([2, 4, 3]), 1, 4),
    "one part": (d) => split(d.normal([4]), 0, 1),
  },
  slice: {
    first: (d) => slice(d.normal([5, 3]), 0, 1, 4),
    "the class token": (d) => slice(d.normal([2, 5, 3]), 1, 0, 1),
    last: (d) => slice(d.normal([2, 3, 9]), -1, 4, 9),
    "of a vector": (d) => slice(d.normal([9]), 0, 8, 9),
    int32: (d) => slice(d.integers([5], 9), 0, 2, 4),
    "any window": property(
      shapes(1, 4).chain((shape) =>
        fc
          .tuple(fc.constant(shape), axisOf(shape))
          .chain(([, axis]) =>
            fc
              .tuple(fc.nat((shape[axis] as number) - 1), fc.nat(shape[axis] as number))
              .map(
                ([start, length]) => [shape, axis, start, Math.min(start + 1 + length, shape[axis] as number)] as const,
              ),
          ),
      ),
      (d, [shape, axis, start, end]) => slice(d.normal(shape), axis, start, end),
    ),
  },
  pad: {
    before: (d) => pad(d.normal([2, 3]), 1, 2, 0),
    after: (d) => pad(d.normal([2, 3]), 0, 0, 1),
    both: (d) => pad(d.normal([2, 3, 4, 1]), 2, 1, 3),
    "any axis": property(
      shapes(1, 4).chain((shape) => fc.tuple(fc.constant(shape), axisOf(shape), fc.nat(2), fc.nat(2))),
      (d, [shape, axis, before, after]) => pad(d.normal(shape), axis, before, after),
    ),
  },
  sum: reduction(sum),
  max: {
    ...reduction(max),
    "ties all get the gradient": (d) => max(d.values([2, 3], [1, 1, 0, 2, 2, 2]), [1]),
    "of negative numbers": (d) => max(d.uniform([4, 5], -9, -1), [1]),
  },
  matMul: {
    plain: (d) => matMul(d.normal([5, 7]), d.normal([7, 3])),
    "the first transposed": (d) => matMul(d.normal([7, 5]), d.normal([7, 3]), { transposeA: true }),
    "the second transposed": (d) => matMul(d.normal([5, 7]), d.normal([3, 7]), { transposeB: true }),
    "both transposed": (d) => matMul(d.normal([7, 5]), d.normal([3, 7]), { transposeA: true, transposeB: true }),
    batches: (d) => matMul(d.normal([3, 5, 7]), d.normal([3, 7, 2])),
    heads: (d) => matMul(d.normal([2, 3, 5, 4]), d.normal([2, 3, 5, 4]), { transposeB: true }),
    "heads, the first transposed": (d) => matMul(d.normal([2, 3, 5, 4]), d.normal([2, 3, 5, 6]), { transposeA: true }),
    "row by column": (d) => matMul(d.normal([1, 9]), d.normal([9, 1])),
    "column by row": (d) => matMul(d.normal([9, 1]), d.normal([1, 9])),
    "larger than a tile": (d) => matMul(d.normal([67, 130]), d.normal([130, 71])),
    "five axes": (d) => matMul(d.normal([2, 1, 3, 2, 4]), d.normal([2, 1, 3, 4, 5])),
    "with itself": (d) => {
      const x = d.normal([4, 6])
      return matMul(x, x, { transposeB: true })
    },
    ...Object.fromEntries(
      [0, 1, 2, 3].map((bits) => {
        const [transposeA, transposeB] = [bits % 2 === 1, bits > 1]
        const name = `any sizes${transposeA ? ", aᵀ" : ""}${transposeB ? ", bᵀ" : ""}`
        const variant = property(matMulShapes, (d, [lead, m, k, n]) =>
          matMul(
            d.normal([...lead, ...(transposeA ? [k, m] : [m, k])]),
            d.normal([...lead, ...(transposeB ? [n, k] : [k, n])]),
            { transposeA, transposeB },
          ),
        )
        return [name, variant]
      }),
    ),
  },
  dropoutMask: {
    "small keys": (d) => dropoutMask(d.values([2], Int32Array.of(0, 1)), "blocks.0.mlp", [3, 5], 0.25),
    "negative words": (d) => dropoutMask(d.values([2], Int32Array.of(-5, -2147483648)), "x", [64], 0.5),
    "two paths": (d) => {
      const key = d.values([2], Int32Array.of(1234567, 7654321))
      return [dropoutMask(key, "a", [31], 0.1), dropoutMask(key, "b", [31], 0.1)]
    },
    "rate 0": (d) => dropoutMask(d.values([2], Int32Array.of(1, 2)), "x", [2, 2], 0),
    "a scalar": (d) => dropoutMask(d.values([2], Int32Array.of(1, 2)), "x", [], 0.5),
    applied: (d) => mul(d.normal([6, 7]), dropoutMask(d.values([2], Int32Array.of(3, 4)), "y", [6, 1], 0.3)),
  },
  stopGradient: {
    "no gradient passes": (d) => {
      const x = d.normal([4])
      return mul(x, stopGradient(x))
    },
  },
  barrier: {
    identity: (d) => barrier(d.normal([3, 2]), "a"),
    "recomputed activations": (d) => {
      const x = d.normal([5])
      const again = maximum(barrier(x, "again"), 0)
      return mul(maximum(x, 0), again)
    },
    "int32 and bool": (d) => [barrier(d.integers([3], 4), "a"), barrier(d.bools([3]), "b")],
  },
}
