import { gradients, graph, ops } from "@vitrine/core"
import { expect, test } from "vitest"
import { referenceBackend } from "../src/index.ts"

/** Small whole numbers, so that sums are exact. */
const fill = (shape: readonly number[], step: number, modulus: number): Float32Array =>
  Float32Array.from(
    { length: shape.reduce((a, b) => a * b, 1) },
    (_, i) => ((i * step) % modulus) - Math.floor(modulus / 2),
  )

// The answers are PyTorch's.

test("convolution and its gradients, with strides and padding on two sides", async () => {
  const [xShape, wShape, yShape] = [
    [2, 5, 4, 3],
    [2, 3, 3, 2],
    [2, 2, 4, 2],
  ]
  const [x, w, dy] = [ops.input("x", xShape), ops.input("w", wShape), ops.input("dy", yShape)]
  const y = ops.conv2d(x, w, { strides: [2, 1], padding: [1, 0, 0, 1] })
  const [dx, dw] = gradients([y], [x, w], [dy])
  const program = await referenceBackend().compile(graph({ outputs: { y, dx: dx as typeof y, dw: dw as typeof y } }))
  const found = await program.run({ x: fill(xShape, 7, 11), w: fill(wShape, 5, 7), dy: fill(yShape, 3, 5) })
  expect(found.y?.shape).toEqual(yShape)
  expect(Array.from(found.y?.data ?? [])).toEqual([
    -12, -31, -14, -39, -16, -36, 20, -8, 46, 31, 49, 31, 30, -2, 30, 13, 36, 40, 12, 10, -12, -31, 20, -6, -26, 31,
    -23, -2, 46, 31, 24, 28,
  ])
  expect(Array.from(found.dx?.data ?? [])).toEqual([
    -1, -3, 9, -1, -1, 6, -2, -4, -6, 7, 3, -8, -10, -1, 1, 12, -14, -5, 1, 13, -3, -5, 10, 4, 0, 4, -6, -5, -3, 13, -1,
    -1, 6, -2, -4, -6, 6, -4, 0, -2, 7, -5, -1, -8, -1, -5, 7, -2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, -6, 1, 5,
    -5, -5, -3, 13, -1, -1, 6, -5, 5, 1, -1, -8, 6, -7, -1, -2, 12, -14, -5, 2, -2, -6, 7, 3, -8, 1, 5, -5, -5, -3, 13,
    -4, 6, 2, 1, -3, 7, 7, -3, 1, -2, 7, -5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  ])
  expect(Array.from(found.dw?.data ?? [])).toEqual([
    7, 7, 9, -39, -5, 16, 7, -1, -5, 16, 14, 16, -4, 13, 14, 16, -33, -28, -7, -10, -1, 6, 28, 13, -3, -10, 28, 13, -9,
    -13, 23, 12, -9, -13, -2, 27,
  ])
})

test("max-pooling says where the first of the largest stands", async () => {
  const x = ops.input("x", [2, 5, 4, 3])
  const [values, indices] = ops.maxPool2d(x, [3, 2], { strides: [2, 2], padding: [1, 1, 0, 0] })
  const program = await referenceBackend().compile(graph({ outputs: { values, indices } }))
  const found = await program.run({ x: fill([2, 5, 4, 3], 7, 11) })
  expect(found.values?.shape).toEqual([2, 3, 2, 3])
  expect(Array.from(found.values?.data ?? [])).toEqual([
    5, 2, 5, 4, 0, 3, 5, 5, 5, 3, 3, 5, 5, 1, 4, 3, 5, 5, 4, 4, 0, 5, 2, 5, 4, 3, 3, 5, 5, 5, 3, 3, 5, 5, 1, 4,
  ])
  expect(Array.from(found.indices?.data ?? [])).toEqual([
    1, 0, 4, 2, 2, 6, 12, 8, 4, 14, 10, 15, 12, 12, 16, 14, 19, 15, 4, 0, 0, 3, 2, 6, 4, 12, 8, 14, 10, 6, 16, 12, 17,
    14, 14, 18,
  ])
})
