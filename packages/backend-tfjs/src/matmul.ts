import type { Tensor } from "@tensorflow/tfjs-core"
import type { TensorFlow } from "./host.ts"

interface Options {
  readonly transposeA?: boolean
  readonly transposeB?: boolean
}

/**
 * Products of two matrices, with a bias along the last axis, or of equal batches of matrices without one.
 *
 * The fast kernel of the wasm device takes two matrices that need no transposition; it is about ten times faster
 * (https://github.com/tensorflow/tfjs/pull/2532). The slow one adds the wrong elements of a bias. So single matrices are
 * transposed beforehand on that device. Batches would gain nothing from it.
 */
export function matMul(
  tf: TensorFlow,
  a: Tensor,
  b: Tensor,
  { transposeA = false, transposeB = false }: Options,
  bias?: Tensor,
): Tensor {
  const fused = bias === undefined ? {} : { bias }
  if (tf.getBackend() !== "wasm" || a.shape.length > 2)
    return tf.fused.matMul({ a, b, transposeA, transposeB, ...fused })
  return tf.tidy(() =>
    tf.fused.matMul({ a: transposeA ? tf.transpose(a) : a, b: transposeB ? tf.transpose(b) : b, ...fused }),
  )
}
