import type { Tensor } from "@tensorflow/tfjs-core"
import type { TensorFlow } from "./host.ts"

interface Options {
  readonly transposeA?: boolean
  readonly transposeB?: boolean
}

/**
 * Products of two matrices, with a bias along the last axis, or of equal batches of matrices without a bias.
 *
 * The fast kernel of the wasm device accepts two matrices without transposition. It is about ten times faster
 * (https://github.com/tensorflow/tfjs/pull/2532). The slow kernel adds the wrong elements of a bias. So this function
 * first transposes single matrices on that device. Batches would not become faster.
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
