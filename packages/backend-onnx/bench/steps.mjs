// What the training steps of all benchmarks are made of.
import { gradients, ops } from "@vitrine/core"

/** Of AdamW. */
export const adamOf = (lr) => ({ lr, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.05 })

/** NHWC images equal to the NCHW images sin(0.7 i). */
export function imagesOf([height, width], channels, batch) {
  const images = new Float32Array(batch * height * width * channels)
  for (let n = 0, i = 0; n < batch; n++)
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++, i++) images[((n * height + y) * width + x) * channels + c] = Math.sin(0.7 * i)
  return images
}

/** Images, and one-hot targets of the labels 0, 1, 2, … */
export function dataOf({ imageSize, channels, classes }, batch) {
  const targets = new Float32Array(batch * classes)
  for (let n = 0; n < batch; n++) targets[n * classes + (n % classes)] = 1
  return { images: imagesOf(imageSize, channels, batch), targets, weights: new Float32Array(batch).fill(1) }
}

/** The weighted mean of the cross-entropies. */
export function meanLoss(logits, classes) {
  const weights = ops.input("weights", ["batch"])
  const losses = ops.softmaxCrossEntropy(logits, ops.input("targets", ["batch", classes]))
  return ops.div(ops.sum(ops.mul(losses, weights)), ops.sum(weights))
}

/** The next values of parameters, which are given by name, and of their moments. */
export function adamUpdates(loss, parameters, adam) {
  const grads = gradients([loss], [...parameters.values()])
  const scalars = Object.fromEntries(["stepSize", "correction", "decay"].map((name) => [name, ops.input(name, [])]))
  const updates = {}
  for (const [i, [name, p]] of [...parameters].entries()) {
    const [m, v] = [ops.state(`m.${name}`, p.shape), ops.state(`v.${name}`, p.shape)]
    ;[updates[name], updates[`m.${name}`], updates[`v.${name}`]] = ops.adamW(p, grads[i], m, v, scalars, adam)
  }
  return updates
}

/** Slots of parameters and of their moments. */
export function slotsOf(parameters) {
  const slots = {}
  for (const { name, shape } of parameters)
    for (const prefix of ["", "m.", "v."]) slots[prefix + name] = { shape, dtype: "float32" }
  return slots
}

export const scalarsAt = (t, adam) => ({
  stepSize: Float32Array.of(adam.lr / (1 - adam.beta1 ** t)),
  correction: Float32Array.of(1 / Math.sqrt(1 - adam.beta2 ** t)),
  decay: Float32Array.of(1 - adam.lr * adam.decay),
})
