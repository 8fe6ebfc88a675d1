// The cases, and what every contender is given: the same weights, images sin(0.7 i) and labels 0, 1, 2, …
import { openSync, readSync, writeFileSync } from "node:fs"
import { graph, ops, rootScope, vit, vitConfig, vitParameters } from "@vitrine/core"
import { graphCost } from "@vitrine/core/backend"
import { adamOf, adamUpdates, meanLoss, slotsOf } from "./steps.mjs"

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
export const adam = adamOf(1e-3)

/**
 * A case by its name, such as `train-ti-b8`. `ti@384` has images of 384², and `ti@224x24` besides 24 blocks.
 */
export function caseOf(name) {
  const [kind, model, batch] = name.split("-")
  return { train: kind === "train", model, batch: Number(batch.slice(1)) }
}

export function configOf(model) {
  const [, base, side, depth] = /^(\w+?)(?:@(\d+)(?:x(\d+))?)?$/.exec(model)
  const fields = models[base]
  const imageSize = side === undefined ? fields.imageSize : [Number(side), Number(side)]
  return vitConfig({ ...fields, imageSize, depth: Number(depth ?? fields.depth) })
}

/** What a case does: images, parameters, and floating-point operations of one call. */
export function costOf(name) {
  const { train, model, batch } = caseOf(name)
  const config = configOf(model)
  const { flops } = graphCost((train ? trainGraph : inferGraph)(config), batch)
  const parameters = vitParameters(config).reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0)
  return { batch, imageSize: config.imageSize[0], parameters, flops }
}

/** Writes a model's parameters, numbers that look random, as a safetensors file. */
export function writeWeights(model, path) {
  const parameters = vitParameters(configOf(model)).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const header = {}
  let end = 0
  const chunks = parameters.map(({ name, shape }, j) => {
    const size = shape.reduce((n, dim) => n * dim, 1)
    const gain = /norm.*weight$/.test(name)
    const [scale, shift] = shape.length > 1 ? [Math.sqrt((3 * shape[0]) / size), 0] : gain ? [0.2, 1] : [0.1, 0]
    const values = Float32Array.from({ length: size }, (_, i) => {
      const x = 43758.5453 * Math.sin(12.9898 * i + 78.233 * j)
      return shift + scale * (2 * (x - Math.floor(x)) - 1)
    })
    header[name] = { dtype: "F32", shape, data_offsets: [end, (end += 4 * size)] }
    return Buffer.from(values.buffer)
  })
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  writeFileSync(path, Buffer.concat([length, text, ...chunks]))
}

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
  const loss = meanLoss(vit(scope, imagesInput(config), config), config.classes)
  return graph({ outputs: { loss }, updates: adamUpdates(loss, parameters, adam) })
}

export const trainSlots = (config) => slotsOf(vitParameters(config))
