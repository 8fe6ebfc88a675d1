// The cases, and what every contender is given: parameters and images by formulas, labels 0, 1, 2, …
import { graph, ops, rootScope } from "@vitrine/core"
import { bitConfig, bitParameters, bit } from "@vitrine/resnet"
import { adamOf, adamUpdates, meanLoss } from "../../backend-onnx/bench/steps.mjs"

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
export const adam = adamOf(1e-5)

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
  const parameters = bitParameters(config).toSorted((a, b) => (a.name < b.name ? -1 : 1))
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

/** Forward, weighted mean of the cross-entropies, backward, AdamW. */
export function trainGraph(config) {
  const parameters = new Map(bitParameters(config).map(({ name, shape }) => [name, ops.state(name, shape)]))
  const images = ops.input("images", ["batch", ...config.imageSize, config.channels])
  const logits = bit(rootScope({ param: ({ name }) => parameters.get(name) }), images, config)
  const loss = meanLoss(logits, config.classes)
  return graph({ outputs: { loss }, updates: adamUpdates(loss, parameters, adam) })
}
