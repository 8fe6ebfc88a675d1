import type { Kernel, Kernels, OpName, TensorType } from "@vitrine/core"
import type { Tensor } from "@tensorflow/tfjs-core"
import { convolutionKernels } from "./convolution.ts"
import { dims, type TensorFlow } from "./host.ts"
import { matMul } from "./matmul.ts"

/** Every op but `dropoutMask`, which needs values on the host. */
export function kernelsOf(tf: TensorFlow): Kernels<Tensor> {
  const unary =
    <K extends OpName>(f: (x: Tensor) => Tensor): Kernel<Tensor, K> =>
    ([x]) =>
      f(x as Tensor)
  const binary =
    <K extends OpName>(f: (a: Tensor, b: Tensor) => Tensor): Kernel<Tensor, K> =>
    ([a, b]) =>
      f(a as Tensor, b as Tensor)

  return {
    constant: (_, { attributes: { data } }, [type]) => tf.tensor(data, dims(type)),
    full: (_, { attributes: { value } }, [type]) => tf.fill(dims(type), value, "float32"),

    add: binary(tf.add),
    sub: binary(tf.sub),
    mul: binary(tf.mul),
    div: binary(tf.div),
    maximum: ([a, b]) => maximum(tf, a as Tensor, b as Tensor),
    greater: binary(tf.greater),
    where: ([condition, a, b]) => tf.where(condition as Tensor, a as Tensor, b as Tensor),
    neg: unary(tf.neg),
    exp: unary(tf.exp),
    log: unary(tf.log),
    sqrt: unary(tf.sqrt),
    erf: unary(tf.erf),
    tanh: unary(tf.tanh),
    isFinite: unary(tf.isFinite),
    cast: ([x], _, [type]) => tf.cast(x as Tensor, (type as TensorType).dtype as "float32" | "int32" | "bool"),

    reshape: ([x], _, [type]) => tf.reshape(x as Tensor, dims(type)),
    barrier: unary(tf.clone),
    transpose: ([x], { attributes: { permutation } }) => tf.transpose(x as Tensor, [...permutation]),
    broadcastTo: ([x], _, [type]) => tf.broadcastTo(x as Tensor, dims(type)),
    concat: (parts, { attributes: { axis } }) => tf.concat([...parts], axis),
    split: ([x], { attributes: { axis, parts } }) => tf.split(x as Tensor, parts, axis),
    slice: ([x], { attributes: { axis, start, end } }, [type]) => {
      const begin = dims(type).map((_, i) => (i === axis ? start : 0))
      return tf.slice(x as Tensor, begin, dims(type).with(axis, end - start))
    },
    pad: ([x], { attributes: { axis, before, after } }, [type]) =>
      tf.pad(
        x as Tensor,
        dims(type).map((_, i): [number, number] => (i === axis ? [before, after] : [0, 0])),
      ),
    sum: ([x], { attributes: { axes, keepDims } }) => tf.sum(x as Tensor, [...axes], keepDims),
    max: ([x], { attributes: { axes, keepDims } }) => tf.max(x as Tensor, [...axes], keepDims),
    matMul: ([a, b], { attributes }) => matMul(tf, a as Tensor, b as Tensor, attributes),

    linear: ([x, weight, bias], _, [type]) =>
      tf.tidy(() => {
        const [outputs, inputs] = (weight as Tensor).shape as [number, number]
        const rows = tf.reshape(x as Tensor, [-1, inputs])
        return tf.reshape(matMul(tf, rows, weight as Tensor, { transposeB: true }, bias), [
          ...dims(type).slice(0, -1),
          outputs,
        ])
      }),
    relu: unary(tf.relu),
    softmax: ([x]) => tf.softmax(x as Tensor),

    ...convolutionKernels(tf),
  }
}

function maximum(tf: TensorFlow, a: Tensor, b: Tensor): Tensor {
  // The wasm device compares and picks, which loses a NaN in one of the two places.
  if (tf.getBackend() !== "wasm") return tf.maximum(a, b)
  return tf.tidy(() => tf.where(tf.logicalOr(tf.isNaN(a), tf.isNaN(b)), Number.NaN, tf.maximum(a, b)))
}
