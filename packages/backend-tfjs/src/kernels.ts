import { dimAt } from "@vitrine/core"
import type { Kernels } from "@vitrine/core/backend"
import type { Tensor } from "@tensorflow/tfjs-core"
import { convolutionKernels } from "./convolution.ts"
import { dims, type TensorFlow, tfjsDType } from "./host.ts"
import { matMul } from "./matmul.ts"

type UnaryKernel = (inputs: readonly [x: Tensor]) => readonly [Tensor]
type BinaryKernel = (inputs: readonly [a: Tensor, b: Tensor]) => readonly [Tensor]

/** The kernels of all ops except `dropoutMask`, whose kernel needs values on the host. */
export function kernelsOf(tf: TensorFlow): Kernels<Tensor> {
  const unary =
    (f: (x: Tensor) => Tensor): UnaryKernel =>
    ([x]) => [f(x)]
  const binary =
    (f: (a: Tensor, b: Tensor) => Tensor): BinaryKernel =>
    ([a, b]) => [f(a, b)]

  return {
    constant: (_, { attributes: { data } }, [type]) => [tf.tensor(data, dims(type))],
    full: (_, { attributes: { value } }, [type]) => [tf.fill(dims(type), value, "float32")],

    add: binary(tf.add),
    sub: binary(tf.sub),
    mul: binary(tf.mul),
    div: binary(tf.div),
    maximum: binary((a, b) => maximum(tf, a, b)),
    greater: binary(tf.greater),
    where: ([condition, a, b]) => [tf.where(condition, a, b)],
    neg: unary(tf.neg),
    exp: unary(tf.exp),
    log: unary(tf.log),
    sqrt: unary(tf.sqrt),
    erf: unary(tf.erf),
    sin: unary(tf.sin),
    cos: unary(tf.cos),
    tanh: unary(tf.tanh),
    isFinite: unary(tf.isFinite),
    cast: ([x], _, [{ dtype }]) => [tf.cast(x, tfjsDType(dtype))],

    reshape: ([x], _, [type]) => [tf.reshape(x, dims(type))],
    barrier: unary(tf.clone),
    transpose: ([x], { attributes: { permutation } }) => [tf.transpose(x, [...permutation])],
    broadcastTo: ([x], _, [type]) => [tf.broadcastTo(x, dims(type))],
    concat: (parts, { attributes: { axis } }) => [tf.concat([...parts], axis)],
    split: ([x], { attributes: { axis, parts } }) => tf.split(x, parts, axis),
    slice: ([x], { attributes: { axis, start, end } }, [type]) => {
      const begin = dims(type).map((_, i) => (i === axis ? start : 0))
      return [tf.slice(x, begin, dims(type).with(axis, end - start))]
    },
    pad: ([x], { attributes: { axis, before, after } }, [type]) => {
      const amounts = dims(type).map((_, i): [number, number] => (i === axis ? [before, after] : [0, 0]))
      return [tf.pad(x, amounts)]
    },
    sum: ([x], { attributes: { axes, keepDims } }) => [tf.sum(x, [...axes], keepDims)],
    max: ([x], { attributes: { axes, keepDims } }) => [tf.max(x, [...axes], keepDims)],
    matMul: ([a, b], { attributes }) => [matMul(tf, a, b, attributes)],

    linear: ([x, weight, bias], _, [type]) => [
      tf.tidy(() => {
        const rows = tf.reshape(x, [-1, dimAt(weight.shape, 1)])
        return tf.reshape(matMul(tf, rows, weight, { transposeB: true }, bias), dims(type))
      }),
    ],
    relu: unary(tf.relu),
    softmax: unary((x) => tf.softmax(x)),

    ...convolutionKernels(tf),
  }
}

function maximum(tf: TensorFlow, a: Tensor, b: Tensor): Tensor {
  // The maximum of the wasm device loses a NaN in one of the two operands.
  if (tf.getBackend() !== "wasm") return tf.maximum(a, b)
  return tf.tidy(() => tf.where(tf.logicalOr(tf.isNaN(a), tf.isNaN(b)), Number.NaN, tf.maximum(a, b)))
}
