import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { gradients, graph, groupNorm, ops, rootScope, type Tensor, VitrineError } from "../src/index.ts"

const { input, scalar } = ops
const x = (...shape: (number | "batch")[]): Tensor => input("x", shape)
const int = (...shape: number[]): Tensor => input("i", shape, "int32")
const bool = (...shape: number[]): Tensor => input("b", shape, "bool")

/** What somebody reads who passed the wrong shapes: the op, what it expects, what came. */
const messages: readonly (readonly [() => unknown, string])[] = [
  [() => ops.add(x(2, 3), x(4)), "add: shapes [2, 3] and [4] do not broadcast (3 against 4)"],
  [() => ops.mul(x(2), int(2)), "mul: expects float32, got int32 [2]"],
  [() => ops.greater(bool(2), x(2)), "greater: expects float32, got bool [2]"],
  [() => ops.exp(int(3)), "exp: expects float32, got int32 [3]"],
  [() => ops.isFinite(bool(3)), "isFinite: expects float32, got bool [3]"],
  [() => ops.where(x(2), x(2), x(2)), "where: expects bool, got float32 [2]"],
  [() => ops.where(bool(3), x(2), 0), "where: shapes [3] and [2] do not broadcast (3 against 2)"],
  [() => ops.reshape(x(2, 3), [7]), "reshape: [2, 3] does not fit into [7]"],
  [() => ops.reshape(x("batch", 3), [6]), "reshape: [batch, 3] does not fit into [6]"],
  [() => ops.transpose(x(2, 3), [0]), "transpose: [0] is not a permutation of the axes of [2, 3]"],
  [() => ops.transpose(x(2, 3), [1, 1]), "transpose: [1,1] is not a permutation of the axes of [2, 3]"],
  [() => ops.broadcastTo(x(2, 3), [3]), "broadcastTo: [2, 3] does not broadcast to [3]"],
  [() => ops.broadcastTo(x(2), [3]), "broadcastTo: shapes [2] and [3] do not broadcast (2 against 3)"],
  [() => ops.concat([], 0), "concat: nothing to join"],
  [() => ops.concat([x(2, 3), x(2, 4)], 0), "concat: [2, 4] does not join [2, 3] along axis 0"],
  [() => ops.concat([x(2), int(2)], 0), "concat: [2] does not join [2] along axis 0"],
  [() => ops.split(x(2, 7), 1, 3), "split: axis 1 of [2, 7] does not fall into 3 equal parts"],
  [() => ops.slice(x(5), 0, 2, 6), "slice: 2 to 6 does not lie within axis 0 of [5]"],
  [() => ops.slice(x(5), 1, 0, 1), "slice: no axis 1 in [5]"],
  [() => ops.slice(x("batch", 2), 0, 0, 1), "axis 0 of [batch, 2] has no fixed size"],
  [() => ops.pad(x(5), 0, -1, 0), "pad: cannot pad by -1 and 0"],
  [() => ops.sum(x(2, 3), [2]), "sum: no axis 2 in [2, 3]"],
  [() => ops.max(int(2)), "max: expects float32, got int32 [2]"],
  [() => ops.mean(x("batch", 2), [0]), "axis 0 of [batch, 2] has no fixed size"],
  [() => ops.matMul(x(2), x(2)), "matMul: ranks must be equal and at least 2: [2] × [2]"],
  [() => ops.matMul(x(2, 3), x(4, 5)), "matMul: inner sizes 3 and 4 differ: [2, 3] × [4, 5]"],
  [
    () => ops.matMul(x(3, 2), x(5, 4), { transposeA: true, transposeB: true }),
    "matMul: inner sizes 3 and 4 differ: [3, 2]ᵀ × [5, 4]ᵀ",
  ],
  [() => ops.matMul(x(2, 3, 4), x(5, 4, 6)), "matMul: 2 and 5 differ in axis 0: [2, 3, 4] × [5, 4, 6]"],
  [() => ops.constant(Float32Array.of(1, 2, 3), [2]), "constant: 3 values do not fill [2]"],
  [() => ops.state("w", ["batch", 2]), 'state: "w" cannot depend on the batch: [batch, 2]'],
  [() => ops.dropoutMask(x(2), "d", [3], 0.5), "dropoutMask: expects int32, got float32 [2]"],
  [() => ops.dropoutMask(int(3), "d", [3], 0.5), "dropoutMask: the key must be [2], got [3]"],
  [() => ops.dropoutMask(int(2), "d", [3], 1), "dropoutMask: the rate must be in [0, 1), got 1"],
  [() => ops.dropoutMask(int(2), "d", [3], Number.NaN), "dropoutMask: the rate must be in [0, 1), got NaN"],
  [() => ops.linear(x(2, 3), x(4, 5)), "linear: x [2, 3] does not fit weight [4, 5] [out, in]"],
  [() => ops.linear(x(2, 3), x(4, 3), x(3)), "linear: bias must be [4], got [3]"],
  [() => ops.layerNorm(x(2, 3), x(2), x(3), 1e-6), "layerNorm: weight must be [3], got [2]"],
  [
    () => ops.attention(x(1, 2, 5, 4), x(1, 2, 5, 3), x(1, 2, 5, 4), 1),
    "attention: q [1, 2, 5, 4], k [1, 2, 5, 3] and v [1, 2, 5, 4] do not fit together",
  ],
  [() => ops.softmaxCrossEntropy(x(2, 3), x(3, 2)), "softmaxCrossEntropy: targets must be [2, 3], got [3, 2]"],
  [() => ops.softmaxCrossEntropy(x(3), x(3)), "softmaxCrossEntropy: logits must be [rows, classes], got [3]"],
  [
    () =>
      ops.adamW(
        x(2),
        x(3),
        x(2),
        x(2),
        { stepSize: scalar(1), correction: scalar(1), decay: scalar(1) },
        {
          beta1: 0.9,
          beta2: 0.999,
          epsilon: 1e-8,
        },
      ),
    "adamW: gradient must be [2], got [3]",
  ],
  [
    () => ops.conv2d(x(1, 5, 5, 3), x(4, 2, 3, 3)),
    "conv2d: x [1, 5, 5, 3] does not fit weight [4, 2, 3, 3] [out, in, height, width]",
  ],
  [() => ops.conv2d(x(1, 2, 5, 3), x(4, 3, 3, 3)), "conv2d: a window of 3×3 does not fit into [1, 2, 5, 3]"],
  [
    () => ops.conv2d(x(1, 5, 5, 3), x(4, 3, 3, 3), { strides: [0, 1] }),
    "conv2d: size 3,3, strides 0,1 and padding 0,0,0,0 are not a window",
  ],
  [() => ops.maxPool2d(x(2, 3), [2, 2]), "maxPool2d: expects [batch, height, width, channels], got [2, 3]"],
  [() => ops.gather(x(1, 2, 3), x(1, 2, 3)), "gather: indices must be int32, got float32"],
  [
    () => ops.gather(x(1, 2, 3), int(2, 2, 3)),
    "gather: [1, 2, 3] and [2, 2, 3] must be [batch, rows, channels] of one batch and channels",
  ],
  [() => x(2, -1), "input: [2, -1] is not a shape"],
  [() => x(2.5), "input: [2.5] is not a shape"],
  [() => x(2, "batch"), "input: only the first dimension may be the batch, got [2, batch]"],
  [() => ops.transpose(x("batch", 3), [1, 0]), "transpose: only the first dimension may be the batch, got [3, batch]"],
  [() => gradients([x(2)], [x(2)], [x(3)]), "gradients: seed 0 is [3], its output [2]"],
  [() => graph({ outputs: { a: ops.exp(x(2)), b: ops.exp(x(3)) } }), 'two different inputs are named "x"'],
  [() => graph({ updates: { w: ops.sum(ops.state("w", [2, 2]), [0]) } }), 'state "w" is [2, 2], its update [2]'],
]

describe("what is told of shapes that do not fit", () => {
  for (const [make, message] of messages)
    it(message, () => {
      let error: unknown
      try {
        make()
      } catch (thrown) {
        error = thrown
      }
      expect(VitrineError.isInstance(error)).toBe(true)
      expect((error as VitrineError).kind).toBe("shape")
      expect((error as VitrineError).message).toBe(message)
    })
})

describe("shapes", () => {
  it("broadcast as NumPy's", () => {
    expect(ops.add(x("batch", 1, 3), input("y", [4, 1])).shape).toEqual(["batch", 4, 3])
    expect(ops.add(x(1), input("y", ["batch", 2])).shape).toEqual(["batch", 2])
    expect(ops.add(x(0), scalar(1)).shape).toEqual([0])
  })
  it("fold other axes into the batch, and take them out again", () => {
    const rows = ops.reshape(x("batch", 5, 3), ["batch*5", 3])
    expect(rows.shape).toEqual(["batch*5", 3])
    expect(ops.linear(rows, input("w", [7, 3])).shape).toEqual(["batch*5", 7])
    expect(ops.reshape(rows, ["batch", 15]).shape).toEqual(["batch", 15])
    expect(ops.sum(x("batch", 3), [0]).shape).toEqual([3])
  })
  it("of reductions keep or drop axes", () => {
    fc.assert(
      fc.property(
        fc
          .array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 })
          .chain((shape) => fc.tuple(fc.constant(shape), fc.subarray([...shape.keys()], { minLength: 1 }))),
        ([shape, axes]) => {
          expect(ops.sum(x(...shape), axes, true).shape).toEqual(shape.map((d, i) => (axes.includes(i) ? 1 : d)))
          expect(ops.sum(x(...shape), axes).shape).toEqual(shape.filter((_, i) => !axes.includes(i)))
        },
      ),
    )
  })
  it("of ops that change nothing give the very same tensor", () => {
    const t = x(2, 3)
    for (const same of [
      ops.reshape(t, [2, 3]),
      ops.transpose(t, [0, 1]),
      ops.broadcastTo(t, [2, 3]),
      ops.concat([t], 0),
      ops.slice(t, 1, 0, 3),
      ops.pad(t, 0, 0, 0),
      ops.cast(t, "float32"),
      ops.sum(t, []),
    ])
      expect(same).toBe(t)
  })
})

describe("VitrineError", () => {
  it("is recognised across copies of this package, and by nothing else", () => {
    const other = Object.defineProperty(new Error("x"), Symbol.for("vitrine.error"), { value: true })
    expect(VitrineError.isInstance(other)).toBe(true)
    expect([new Error("x"), null, undefined, "x", {}].some(VitrineError.isInstance)).toBe(false)
    expect(new VitrineError("file", "a", { cause: "b" })).toMatchObject({
      name: "VitrineError",
      kind: "file",
      cause: "b",
    })
  })
})

it("group norm keeps the shape, and wants groups that divide the channels", () => {
  const x = ops.input("x", ["batch", 3, 5, 12])
  expect(groupNorm(rootScope().at("norm1"), x, 4, 1e-5).shape).toEqual(x.shape)
  expect(() => groupNorm(rootScope().at("norm1"), x, 5, 1e-5)).toThrow(/^norm1: 5 groups do not divide 12 channels$/)
})
