import type { Ops } from "@vitrine/core"
import type { Attribute, GraphWriter } from "./graph-def.ts"
import type { KernelTable, OutputType, Value } from "./kernels.ts"

type Window = Ops["conv2d"]

const windowAttributes = ({ strides, padding: [top, bottom, left, right] }: Window): Record<string, Attribute> => ({
  strides: { ints: [1, ...strides, 1] },
  padding: { string: "EXPLICIT" },
  explicit_paddings: { ints: [0, 0, top, bottom, left, right, 0, 0] },
})

/** A weight `[out, in, height, width]` as TensorFlow's filter `[height, width, in, out]`. */
const filter = (w: GraphWriter, weight: string): string =>
  w.float("Transpose", [weight, w.ints([2, 3, 1, 0])], { Tperm: { type: "int32" } })

const int = (w: GraphWriter, op: string, a: string, b: string): string => w.one(op, [a, b], { T: { type: "int32" } })

/** Positions in flattened `[batch, rows, channels]` of rows chosen along axis 1. */
function positions(w: GraphWriter, indices: Value, rows: number): string {
  const [batch, , channels] = indices.shape as readonly [number, number, number]
  const offsets = Int32Array.from(
    { length: batch * channels },
    (_, i) => Math.floor(i / channels) * rows * channels + (i % channels),
  )
  const within = int(w, "Mul", indices.name, w.int(channels))
  return w.reshape(int(w, "AddV2", within, w.constant("int32", [batch, 1, channels], offsets)), [-1], "int32")
}

export const convolutionKernels: KernelTable = {
  conv2d: (w, [x, weight], window) => [
    w.float("Conv2D", [(x as Value).name, filter(w, (weight as Value).name)], windowAttributes(window)),
  ],
  conv2dInputGrad: (w, [dy, weight], window, [output]) => {
    const sizes = w.ints((output as OutputType).shape)
    const factors = [sizes, filter(w, (weight as Value).name), (dy as Value).name]
    return [w.float("Conv2DBackpropInput", factors, windowAttributes(window))]
  },
  conv2dWeightGrad: (w, [dy, x], window, [output]) => {
    const [outputs, inputs, height, width] = (output as OutputType).shape as readonly [number, number, number, number]
    const factors = [(x as Value).name, w.ints([height, width, inputs, outputs]), (dy as Value).name]
    const made = w.float("Conv2DBackpropFilter", factors, windowAttributes(window))
    return [w.float("Transpose", [made, w.ints([3, 2, 0, 1])], { Tperm: { type: "int32" } })]
  },
  maxPool2d: (w, [x], { size, strides, padding: [top, bottom, left, right] }) => {
    const { name, shape } = x as Value
    const [, , width, channels] = shape as readonly [number, number, number, number]
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
    }) as [string, string]
    // From (row · padded width + column) · channels + channel to row · width + column of the image without padding.
    const place = int(w, "FloorDiv", at, w.int(channels))
    const paddedWidth = w.int(width + left + right)
    const row = int(w, "Sub", int(w, "FloorDiv", place, paddedWidth), w.int(top))
    const column = int(w, "Sub", int(w, "FloorMod", place, paddedWidth), w.int(left))
    return [values, int(w, "AddV2", int(w, "Mul", row, w.int(width)), column)]
  },
  gather: (w, [x, indices], _, [output]) => {
    const { name, shape } = x as Value
    const at = positions(w, indices as Value, shape[1] as number)
    const flat = w.reshape(name, [-1])
    const made = w.one("GatherV2", [flat, at, w.int(0)], {
      Tparams: { type: "float32" },
      Tindices: { type: "int32" },
      Taxis: { type: "int32" },
    })
    return [w.reshape(made, (output as OutputType).shape)]
  },
  scatterAdd: (w, [values, indices], _, [output]) => {
    const { shape } = output as OutputType
    const at = positions(w, indices as Value, shape[1] as number)
    const size = shape.reduce((n, dim) => n * dim, 1)
    const made = w.float("UnsortedSegmentSum", [w.reshape((values as Value).name, [-1]), at, w.int(size)], {
      Tindices: { type: "int32" },
      Tnumsegments: { type: "int32" },
    })
    return [w.reshape(made, shape)]
  },
}
