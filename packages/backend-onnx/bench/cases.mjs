// The cases, and what every contender is given: the same weights, images sin(0.7 i) and labels 0, 1, 2, …
import { openSync, readSync } from "node:fs"
import { gradients, graph, ops, rootScope, vit, vitConfig, vitParameters } from "@vitrine/core"

const small = { mlpDim: 768, dim: 192, heads: 3 }
export const models = {
  ti: { ...small, depth: 12, imageSize: [224, 224], patchSize: [16, 16], classes: 1000 },
  b16: { dim: 768, depth: 12, heads: 12, mlpDim: 3072, imageSize: [224, 224], patchSize: [16, 16], classes: 1000 },
  s32: { ...small, depth: 6, imageSize: [32, 32], patchSize: [4, 4], classes: 10 },
  xs28: { dim: 64, depth: 4, heads: 4, mlpDim: 128, imageSize: [28, 28], patchSize: [4, 4], channels: 1, classes: 10 },
}
export const cases = {
  "train-ti-b8": { train: true, model: "ti", batch: 8 },
  "train-s32-b64": { train: true, model: "s32", batch: 64 },
  "train-xs28-b128": { train: true, model: "xs28", batch: 128 },
  "infer-ti-b1": { train: false, model: "ti", batch: 1 },
  "infer-b16-b1": { train: false, model: "b16", batch: 1 },
  "infer-b16-b8": { train: false, model: "b16", batch: 8 },
}
export const adam = { lr: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.05 }

export const configOf = (model) => vitConfig(models[model])

/** Where each tensor lies in a safetensors file. */
export function weightsIn(path) {
  const file = openSync(path)
  const read = (offset, length) => {
    const bytes = Buffer.alloc(length)
    readSync(file, bytes, 0, length, offset)
    return bytes
  }
  const start = 8 + Number(read(0, 8).readBigUInt64LE())
  const header = JSON.parse(read(8, start - 8).toString())
  const tensors = Object.entries(header).filter(([, { data_offsets }]) => data_offsets !== undefined)
  return tensors.map(
    ([
      name,
      {
        data_offsets: [from, to],
      },
    ]) => ({
      name,
      path,
      offset: start + from,
      length: to - from,
      read: () => new Float32Array(read(start + from, to - from).buffer),
    }),
  )
}

/** NHWC images equal to the NCHW images sin(0.7 i), and one-hot targets. */
export function dataOf(config, batch) {
  const [height, width] = config.imageSize
  const { channels, classes } = config
  const images = new Float32Array(batch * height * width * channels)
  for (let n = 0, i = 0; n < batch; n++)
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++, i++) images[((n * height + y) * width + x) * channels + c] = Math.sin(0.7 * i)
  const targets = new Float32Array(batch * classes)
  for (let n = 0; n < batch; n++) targets[n * classes + (n % classes)] = 1
  return { images, targets, weights: new Float32Array(batch).fill(1) }
}

const imagesInput = (config) => ops.input("images", ["batch", ...config.imageSize, config.channels])

export const inferGraph = (config) => graph({ outputs: { logits: vit(rootScope(), imagesInput(config), config) } })

/** Forward, weighted mean of the cross-entropies, backward, AdamW. */
export function trainGraph(config) {
  const parameters = new Map()
  const scope = rootScope({
    param: ({ name, shape }) => {
      if (!parameters.has(name)) parameters.set(name, ops.state(name, shape))
      return parameters.get(name)
    },
  })
  const logits = vit(scope, imagesInput(config), config)
  const weights = ops.input("weights", ["batch"])
  const targets = ops.input("targets", ["batch", config.classes])
  const losses = ops.softmaxCrossEntropy(logits, targets)
  const loss = ops.div(ops.sum(ops.mul(losses, weights)), ops.sum(weights))
  const names = [...parameters.keys()]
  const grads = gradients([loss], [...parameters.values()])
  const scalars = {
    stepSize: ops.input("stepSize", []),
    correction: ops.input("correction", []),
    decay: ops.input("decay", []),
  }
  const updates = {}
  names.forEach((name, i) => {
    const p = parameters.get(name)
    const [m, v] = [ops.state(`m.${name}`, p.shape), ops.state(`v.${name}`, p.shape)]
    const next = ops.adamW(p, grads[i], m, v, scalars, adam)
    ;[updates[name], updates[`m.${name}`], updates[`v.${name}`]] = next
  })
  return graph({ outputs: { loss }, updates })
}

export const scalarsAt = (t) => ({
  stepSize: Float32Array.of(adam.lr / (1 - adam.beta1 ** t)),
  correction: Float32Array.of(1 / Math.sqrt(1 - adam.beta2 ** t)),
  decay: Float32Array.of(1 - adam.lr * adam.decay),
})

export function trainSlots(config) {
  const slots = {}
  for (const { name, shape } of vitParameters(config))
    for (const prefix of ["", "m.", "v."]) slots[prefix + name] = { shape, dtype: "float32" }
  return slots
}
