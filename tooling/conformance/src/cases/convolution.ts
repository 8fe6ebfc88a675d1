import { ops } from "@vitrine/core"
import fc from "fast-check"
import { type Case, property, size } from "./case.ts"

const { conv2d, gather, maxPool2d, scatterAdd, stopGradient } = ops

const pair = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }))
const padding = fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2))
const image = fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 3, max: 7 }), fc.integer({ min: 3, max: 7 }))

/** Convolutions and pools. A backend supports all of them or none. */
export const convolution: Readonly<Record<string, Case>> = {
  conv2d: {
    plain: (d) => conv2d(d.normal([2, 5, 6, 3]), d.normal([4, 3, 3, 3])),
    "padded and strided": (d) =>
      conv2d(d.normal([1, 7, 8, 2]), d.normal([3, 2, 3, 3]), { strides: [2, 2], padding: [1, 1, 1, 1] }),
    "padded on one side": (d) => conv2d(d.normal([2, 4, 4, 1]), d.normal([2, 1, 2, 2]), { padding: [0, 1, 0, 1] }),
    "1 × 1": (d) => conv2d(d.normal([2, 3, 3, 5]), d.normal([4, 5, 1, 1])),
    "1 × 1, strided": (d) => conv2d(d.normal([2, 5, 5, 3]), d.normal([4, 3, 1, 1]), { strides: [2, 2] }),
    "1 × 1, strided, of more channels": (d) =>
      conv2d(d.normal([2, 6, 5, 9]), d.normal([10, 9, 1, 1]), { strides: [2, 3] }),
    "1 × 1, padded": (d) => conv2d(d.normal([1, 3, 3, 8]), d.normal([3, 8, 1, 1]), { padding: [1, 0, 0, 1] }),
    "of more channels": (d) => conv2d(d.normal([2, 5, 6, 9]), d.normal([4, 9, 3, 3]), { padding: [1, 1, 1, 1] }),
    "of more channels, padded and strided": (d) =>
      conv2d(d.normal([2, 6, 7, 8]), d.normal([3, 8, 3, 2]), { strides: [2, 1], padding: [0, 1, 1, 0] }),
    patches: (d) => conv2d(d.normal([2, 8, 8, 3]), d.normal([6, 3, 4, 4]), { strides: [4, 4] }),
    "rows that no window reaches": (d) => conv2d(d.normal([1, 6, 6, 1]), d.normal([1, 1, 3, 3]), { strides: [2, 2] }),
    "7 × 7, the stem": (d) =>
      conv2d(d.normal([1, 16, 16, 3]), d.normal([8, 3, 7, 7]), { strides: [2, 2], padding: [3, 3, 3, 3] }),
    "any window": property(
      fc.tuple(image, pair, pair, padding, size, size),
      (d, [[batch, height, width], kernel, strides, around, inputs, outputs]) =>
        conv2d(d.normal([batch, height, width, inputs]), d.normal([outputs, inputs, ...kernel]), {
          strides,
          padding: around,
        }),
    ),
  },
  maxPool2d: {
    plain: (d) => maxPool2d(d.normal([2, 4, 6, 3]), [2, 2], { strides: [2, 2] }),
    "overlapping and padded": (d) =>
      maxPool2d(d.normal([1, 7, 7, 2]), [3, 3], { strides: [2, 2], padding: [1, 1, 1, 1] }),
    "padding never wins": (d) => maxPool2d(d.uniform([1, 4, 4, 2], -9, -1), [3, 3], { padding: [1, 1, 1, 1] }),
    "the first of equals": (d) => maxPool2d(d.values([1, 2, 4, 1], [1, 1, 0, 2, 1, 1, 2, 2]), [2, 2]),
    "any window": property(
      fc.tuple(image, fc.tuple(fc.integer({ min: 2, max: 3 }), fc.integer({ min: 2, max: 3 })), pair, size),
      (d, [[batch, height, width], window, strides, channels]) =>
        maxPool2d(d.normal([batch, height, width, channels]), window, { strides, padding: [1, 0, 1, 1] }),
    ),
  },
  gather: {
    rows: (d) => gather(d.normal([2, 5, 3]), d.integers([2, 4, 3], 5)),
    "one row again and again": (d) => gather(d.normal([1, 1, 2]), d.integers([1, 6, 2], 1)),
    constant: (d) => gather(d.normal([1, 4, 1]), ops.constant(Int32Array.of(3, 0, 3), [1, 3, 1])),
    "any sizes": property(fc.tuple(size, size, size, size), (d, [batch, rows, chosen, channels]) =>
      gather(d.normal([batch, rows, channels]), d.integers([batch, chosen, channels], rows)),
    ),
  },
  scatterAdd: {
    rows: (d) => scatterAdd(d.normal([2, 4, 3]), d.integers([2, 4, 3], 5), 5),
    "equal indices add up": (d) => scatterAdd(d.normal([1, 7, 2]), d.integers([1, 7, 2], 2), 3),
    "of values alone": (d) => scatterAdd(d.normal([1, 3, 1]), stopGradient(d.integers([1, 3, 1], 4)), 4),
  },
}
