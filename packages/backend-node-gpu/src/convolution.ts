import { dimAt, fixed } from "@vitrine/core"
import { elementCount, fourDims, type Ops } from "@vitrine/core/backend"
import type { Attribute, GraphWriter } from "./graph-def.ts"
import type { KernelTable, Value } from "./kernel.ts"

type Window = Ops["conv2d"]

const windowAttributes = ({ strides, padding: [top, bottom, left, right] }: Window): Record<string, Attribute> => ({
  strides: { ints: [1, ...strides, 1] },
  padding: { string: "EXPLICIT" },
  explicit_paddings: { ints: [0, 0, top, bottom, left, right, 0, 0] },
})

/** Converts a weight `[out, in, height, width]` to TensorFlow's filter `[height, width, in, out]`. */
const filter = (w: GraphWriter, weight: string): string =>
  w.float("Transpose", [weight, w.ints([2, 3, 1, 0])], { Tperm: { type: "int32" } })

const int = (w: GraphWriter, op: string, a: string, b: string): string => w.one(op, [a, b], { T: { type: "int32" } })

/** Converts indices of rows along axis 1 to positions in a flattened `[batch, rows, channels]`. */
function positions(w: GraphWriter, indices: Value, rows: number): string {
  const [batch, channels] = [fixed(indices.shape, 0), fixed(indices.shape, 2)]
  const offsets = Int32Array.from(
    { length: batch * channels },
    (_, i) => Math.floor(i / channels) * rows * channels + (i % channels),
  )
  const within = int(w, "Mul", indices.name, w.int(channels))
  return w.reshape(int(w, "AddV2", within, w.constant("int32", [batch, 1, channels], offsets)), [-1], "int32")
}

export const convolutionKernels: KernelTable = {
  conv2d: (w, [x, weight], window) => [w.float("Conv2D", [x.name, filter(w, weight.name)], windowAttributes(window))],
  conv2dInputGrad: (w, [dy, weight], window, [{ shape }]) => [
    w.float("Conv2DBackpropInput", [w.ints(shape), filter(w, weight.name), dy.name], windowAttributes(window)),
  ],
  conv2dWeightGrad: (w, [dy, x], window, [{ shape }]) => {
    const [outputs, inputs, height, width] = fourDims(shape)
    const factors = [x.name, w.ints([height, width, inputs, outputs]), dy.name]
    const filterGrad = w.float("Conv2DBackpropFilter", factors, windowAttributes(window))
    return [w.float("Transpose", [filterGrad, w.ints([3, 2, 0, 1])], { Tperm: { type: "int32" } })]
  },
  maxPool2d: (w, [{ name, shape }], { size, strides, padding: [top, bottom, left, right] }) => {
    const [, , width, channels] = fourDims(shape)
    const around = w.constant("int32", [4, 2], Int32Array.of(0, 0, top, bottom, left, right, 0, 0))
    const padded = w.float("PadV2", [name, around, w.scalar(Number.NEGATIVE_INFINITY)], {
      Tpaddings: { type: "int32" },
    })
    const [values, at] = w.node("MaxPoolWithArgmax", [padded], {
      attributes: {
        T: { type: "float32" },
        Targmax: { type: "int32" },
        ksize: { ints: [1, ...size, 1] },
        strides: { ints: [1, ...strides, 1] },
        padding: { string: "VALID" },
        include_batch_in_index: { bool: false },
      },
      outputs: 2,
    })
    // Converts (row · padded width + column) · channels + channel to row · width + column of the image without padding.
    const place = int(w, "FloorDiv", at, w.int(channels))
    const paddedWidth = w.int(width + left + right)
    const row = int(w, "Sub", int(w, "FloorDiv", place, paddedWidth), w.int(top))
    const column = int(w, "Sub", int(w, "FloorMod", place, paddedWidth), w.int(left))
    return [values, int(w, "AddV2", int(w, "Mul", row, w.int(width)), column)]
  },
  gather: (w, [x, indices], _, [{ shape }]) => {
    const at = positions(w, indices, dimAt(x.shape, 1))
    const flat = w.reshape(x.name, [-1])
    const gathered = w.one("GatherV2", [flat, at, w.int(0)], {
      Tparams: { type: "float32" },
      Tindices: { type: "int32" },
      Taxis: { type: "int32" },
    })
    return [w.reshape(gathered, shape)]
  },
  scatterAdd: (w, [values, indices], _, [{ shape }]) => {
    const at = positions(w, indices, dimAt(shape, 1))
    const sums = w.float("UnsortedSegmentSum", [w.reshape(values.name, [-1]), at, w.int(elementCount(shape))], {
      Tindices: { type: "int32" },
      Tnumsegments: { type: "int32" },
    })
    return [w.reshape(sums, shape)]
  },
}
