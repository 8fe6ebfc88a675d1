import type { Ops } from "@vitrine/core"
import type { Emitter, Value } from "./emitter.ts"
import type { OnnxKernels, Output } from "./kernels.ts"

// ONNX convolves NCHW, core NHWC.

const toNchw = (e: Emitter, x: string): string => e.one("Transpose", [x], { attributes: { perm: [0, 3, 1, 2] } })
const toNhwc = (e: Emitter, x: string): string => e.one("Transpose", [x], { attributes: { perm: [0, 2, 3, 1] } })

/** ONNX's order: top, left, bottom, right. */
const pads = ({ padding: [top, bottom, left, right] }: Ops["conv2d"]): number[] => [top, left, bottom, right]

export const convolutionKernels: OnnxKernels = {
  conv2d: (e, [x, weight], window) => {
    const attributes = { strides: window.strides, pads: pads(window) }
    const made = e.one("Conv", [toNchw(e, e.elements(x as Value)), e.elements(weight as Value)], { attributes })
    return [toNhwc(e, made)]
  },

  conv2dInputGrad: (e, [dy, weight], window, [output]) => {
    const [d, w] = [dy as Value, weight as Value]
    const [top, bottom, left, right] = window.padding
    // Rows at the end that no window reached.
    const rest = (axis: 0 | 1, before: number, after: number): number => {
      const covered = ((d.shape[1 + axis] as number) - 1) * window.strides[axis] + (w.shape[2 + axis] as number)
      return (output?.shape[1 + axis] as number) + before + after - covered
    }
    const attributes = {
      strides: window.strides,
      pads: pads(window),
      output_padding: [rest(0, top, bottom), rest(1, left, right)],
    }
    return [toNhwc(e, e.one("ConvTranspose", [toNchw(e, e.elements(d)), e.elements(w)], { attributes }))]
  },

  // A convolution in which images and channels have changed places: what was a stride between windows is now a
  // dilation of the kernel, which is the gradient.
  conv2dWeightGrad: (e, [dy, x], window, [output]) => {
    const swap = (value: Value): string =>
      e.one("Transpose", [e.elements(value)], { attributes: { perm: [3, 0, 1, 2] } })
    const attributes = { dilations: window.strides, pads: pads(window) }
    const made = e.one("Conv", [swap(x as Value), swap(dy as Value)], { attributes }) // [in, out, ≥ kernel]
    const [, , height, width] = (output as Output).shape as readonly [number, number, number, number]
    const cut = e.one("Slice", [made, e.ints([0, 0]), e.ints([height, width]), e.ints([2, 3])])
    return [e.one("Transpose", [cut], { attributes: { perm: [1, 0, 2, 3] } })]
  },

  maxPool2d: (e, [x], window, [, indices]) => {
    const { shape } = x as Value
    const attributes = { kernel_shape: window.size, strides: window.strides, pads: pads(window) }
    const [values, at] = e.node("MaxPool", [toNchw(e, e.elements(x as Value))], indices?.readers.length ? 2 : 1, {
      attributes,
    })
    if (at === undefined) return [toNhwc(e, values as string), ""]
    const image = e.ints([(shape[1] as number) * (shape[2] as number)])
    const within = e.one("Cast", [e.one("Mod", [at, image])], { attributes: { to: 6 } })
    return [toNhwc(e, values as string), toNhwc(e, within)]
  },

  gather: (e, [x, indices]) => [
    e.one("GatherElements", [e.elements(x as Value), e.elements(indices as Value)], { attributes: { axis: 1 } }),
  ],

  scatterAdd: (e, [values, indices], _, [output]) => {
    const zeros = e.one("Expand", [e.scalar(0), e.dims((output as Output).shape)])
    const names = [zeros, e.elements(indices as Value), e.elements(values as Value)]
    return [e.one("ScatterElements", names, { attributes: { axis: 1, reduction: "add" } })]
  },
}
