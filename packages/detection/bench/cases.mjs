// The cases, and what every contender is given: parameters, images and objects by formulas.
import { cut, graph, ops, rootScope } from "@vitrine/core"
import {
  detectionLossDefaults,
  detectionLosses,
  detr,
  detrConfig,
  detrParameters,
  targetInputs,
} from "@vitrine/detection"
import { adamOf, adamUpdates, imagesOf, slotsOf } from "../../backend-onnx/bench/steps.mjs"

const basic = { block: "basic", stemWidth: 32, widths: [32, 64, 128, 256], depths: [2, 2, 2, 2] }
const small = { classes: 10, queries: 50, dim: 128, heads: 8, encoderDepth: 3, decoderDepth: 3, mlpDim: 512 }
export const cases = {
  /** A detector as one would train from scratch: ResNet-18 of half the width. */
  "small-b4": { batch: 4, imageSize: [192, 256], resnet: basic, fields: small },
  /** DETR as published. */
  "r50-b1": { batch: 1, imageSize: [384, 480], resnet: {}, fields: {} },
}
export const adam = adamOf(1e-5)

export const configOf = ({ resnet, fields }) =>
  detrConfig({ ...fields, dropout: 0, backbone: { kind: "resnet", config: resnet } })

/** Numbers in [-1, 1) that look random. */
const noise = (i, j) => {
  const x = 43758.5453 * Math.sin(12.9898 * i + 78.233 * j)
  return 2 * (x - Math.floor(x)) - 1
}

/** The j-th of all parameters in the order of their names. */
function valueOf(name, shape, j) {
  const size = shape.reduce((n, dim) => n * dim, 1)
  const gain = /\.(weight|running_var)$/.test(name)
  const [scale, shift] = shape.length > 1 ? [Math.sqrt((3 * shape[0]) / size), 0] : gain ? [0.2, 1] : [0.1, 0]
  return Float32Array.from({ length: size }, (_, i) => shift + scale * noise(i, j))
}

export const parametersOf = (config) =>
  detrParameters(config)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, shape, role }, j) => ({ name, shape, role, value: valueOf(name, shape, j) }))

/** Images, and objects of every image: 3 of them, 4, 5, 3, … */
export function dataOf({ classes }, { batch, imageSize }) {
  const targets = Array.from({ length: batch }, (_, n) => {
    const count = 3 + (n % 3)
    return {
      labels: Int32Array.from({ length: count }, (_, i) => (3 * n + i) % classes),
      boxes: Float32Array.from({ length: 4 * count }, (_, i) => (i % 4 < 2 ? 0.5 : 0.3) + 0.2 * noise(i, n)),
    }
  })
  return { images: imagesOf(imageSize, 3, batch), targets }
}

/** As facebookresearch trains it, what stands before the second stage stays as it is. */
const learns = ({ name, role }) => role !== "frozen" && !/^backbone\.0\.body\.(conv1|layer1)\b/.test(name)

/** Forward, loss, backward, AdamW, in two graphs: the host matches in between. */
export function trainGraphs(config, { batch, imageSize }) {
  const parameters = detrParameters(config)
  const states = new Map(parameters.map(({ name, shape }) => [name, ops.state(name, shape)]))
  const images = ops.input("images", ["batch", ...imageSize, 3])
  const { logits, boxes } = detr(rootScope({ param: ({ name }) => states.get(name) }), images, config)
  const { total } = detectionLosses({ logits, boxes }, targetInputs(config), detectionLossDefaults)
  const loss = ops.sum(total)
  const learned = parameters.filter(learns)
  const updates = adamUpdates(loss, new Map(learned.map(({ name }) => [name, states.get(name)])), adam)
  const slots = Object.fromEntries(parameters.map(({ name, shape }) => [name, { shape, dtype: "float32" }]))
  const halves = cut(graph({ outputs: { loss, logits, boxes }, updates }), ["logits", "boxes"], batch)
  return { ...halves, slots: { ...slots, ...slotsOf(learned), ...halves.saved } }
}
