// The cases, and what every contender is given: parameters and images by formulas, labels 0, 1, 2, …
import { gradients, graph, ops, rootScope } from "@vitrine/core"
import { bitConfig, resnetParameters, resnetV2 } from "@vitrine/resnet"

const r26 = { widths: [128, 256, 512, 1024], depths: [2, 2, 2, 2], stemWidth: 32 }
export const models = {
  /** R26 of half the width, for small images. */
  r26: { ...r26, imageSize: [64, 64], classes: 10 },
  /** Two stages, about 0.5 M parameters, for images of CIFAR's size. */
  cifar: { widths: [128, 256], depths: [2, 2], stemWidth: 32, groups: 16, imageSize: [32, 32], classes: 10 },
  r50: { imageSize: [224, 224], classes: 1000 },
}
export const cases = {
  "r26-b16": { model: "r26", batch: 16 },
  "cifar-b64": { model: "cifar", batch: 64 },
  "r50-b4": { model: "r50", batch: 4 },
}
export const adam = { lr: 1e-5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.05 }

export const configOf = (model) => bitConfig({ weightEpsilon: 1e-8, ...models[model] })

/** The j-th of all parameters in the order of their names: numbers in [-scale, scale) that look random. */
const valueOf = (name, size, j) => {
  const [scale, shift] = /norm.*weight$/.test(name) ? [0.2, 1] : [0.1, 0]
  return Float32Array.from({ length: size }, (_, i) => {
    const x = 43758.5453 * Math.sin(12.9898 * i + 78.233 * j)
    return shift + scale * (2 * (x - Math.floor(x)) - 1)
  })
}

export function parametersOf(config) {
  const parameters = resnetParameters(config).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return parameters.map(({ name, shape }, j) => ({
    name,
    shape,
    value: valueOf(
      name,
      shape.reduce((n, dim) => n * dim, 1),
      j,
    ),
  }))
}

/** NHWC images equal to the NCHW images sin(0.7 i), and one-hot targets. */
export function dataOf({ imageSize: [height, width], channels, classes }, batch) {
  const images = new Float32Array(batch * height * width * channels)
  for (let n = 0, i = 0; n < batch; n++)
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++, i++) images[((n * height + y) * width + x) * channels + c] = Math.sin(0.7 * i)
  const targets = new Float32Array(batch * classes)
  for (let n = 0; n < batch; n++) targets[n * classes + (n % classes)] = 1
  return { images, targets, weights: new Float32Array(batch).fill(1) }
}

/** Forward, weighted mean of the cross-entropies, backward, AdamW. */
export function trainGraph(config) {
  const parameters = new Map(resnetParameters(config).map(({ name, shape }) => [name, ops.state(name, shape)]))
  const images = ops.input("images", ["batch", ...config.imageSize, config.channels])
  const logits = resnetV2(rootScope({ param: ({ name }) => parameters.get(name) }), images, config)
  const weights = ops.input("weights", ["batch"])
  const losses = ops.softmaxCrossEntropy(logits, ops.input("targets", ["batch", config.classes]))
  const loss = ops.div(ops.sum(ops.mul(losses, weights)), ops.sum(weights))
  const grads = gradients([loss], [...parameters.values()])
  const scalars = Object.fromEntries(["stepSize", "correction", "decay"].map((name) => [name, ops.input(name, [])]))
  const updates = {}
  for (const [i, [name, p]] of [...parameters].entries()) {
    const [m, v] = [ops.state(`m.${name}`, p.shape), ops.state(`v.${name}`, p.shape)]
    ;[updates[name], updates[`m.${name}`], updates[`v.${name}`]] = ops.adamW(p, grads[i], m, v, scalars, adam)
  }
  return graph({ outputs: { loss }, updates })
}

export const scalarsAt = (t) => ({
  stepSize: Float32Array.of(adam.lr / (1 - adam.beta1 ** t)),
  correction: Float32Array.of(1 / Math.sqrt(1 - adam.beta2 ** t)),
  decay: Float32Array.of(1 - adam.lr * adam.decay),
})
