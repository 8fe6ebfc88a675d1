// The models and steps that are measured.
import {
  graph,
  initializeViT,
  keyFromSeed,
  ops,
  rootScope,
  vitVariant,
  vit,
  vitConfig,
  vitModel,
  vitParameters,
} from "@vitrine/core"
import { classificationObjective, parameterGroups, optimizer, stepGraph } from "@vitrine/trainer"

const s32 = vitConfig({
  imageSize: [32, 32],
  patchSize: [4, 4],
  dim: 192,
  depth: 6,
  heads: 3,
  mlpDim: 768,
  classes: 10,
})
const tiny = vitConfig({ imageSize: [8, 8], patchSize: [4, 4], dim: 16, depth: 2, heads: 2, mlpDim: 32, classes: 5 })
export const configs = { ti16: vitVariant("Ti/16"), s32, tiny }

/** Logits of images, with the parameters as slots. */
export function inference(config) {
  const scope = rootScope({ param: ({ name, shape }) => ops.state(name, shape) })
  const images = ops.input("images", ["batch", ...config.imageSize, config.channels])
  return graph({ outputs: { logits: vit(scope, images, config) } })
}

const adamw = optimizer({ name: "adamw" })

/** The trainer's whole step: forward, cross-entropy, backward, AdamW. */
export function training(config) {
  const learning = parameterGroups(vitParameters(config), {
    weightDecay: 0.05,
    decay: "matrices",
    layerDecay: 1,
    freeze: [],
    rates: {},
  })
  const objective = classificationObjective(vitModel(config), "cross-entropy")
  return stepGraph({
    objective,
    groups: learning,
    optimizer: adamw,
    clip: 1,
    ema: null,
    lossScaling: false,
    gradCheckpointing: false,
  })
}

/** Slots of a graph, with random parameters. */
export function slotsOf(g, config) {
  const slots = Object.fromEntries(Object.entries(g.states).map(([name, value]) => [name, g.values[value]]))
  return { slots, data: initializeViT(vitParameters(config), config, "fan", keyFromSeed(1)) }
}

/** Inputs of a step; the numbers do not matter to what it costs. */
export function inputsOf(g, config, batch) {
  const given = {
    key: Int32Array.of(1, 2),
    total: Float32Array.of(batch),
    weights: new Float32Array(batch).fill(1),
    targets: Float32Array.from({ length: batch * config.classes }, (_, i) => (i % config.classes === 0 ? 1 : 0)),
    images: Float32Array.from({ length: batch * config.imageSize[0] * config.imageSize[1] * config.channels }, (_, i) =>
      Math.sin(i),
    ),
  }
  return Object.fromEntries(
    Object.keys(g.inputs).map((name) => [name, given[name] ?? Float32Array.of(name.endsWith("stepSize") ? 1e-3 : 1)]),
  )
}
