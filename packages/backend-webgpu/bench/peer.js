// This backend in a page, for a harness that measures several engines on the same cases: weights by timm's names with
// linear ones as [in, out], images NCHW. Inference gives logits, a training step its loss.
import { webgpuBackend } from "@vitrine/backend-webgpu"
import { gradients, graph, ops, rootScope, vit, vitConfig } from "@vitrine/core"

export const name = "vitrine"
export const version = "0.0.0"

const configOf = ({ img, patch, dim, depth, heads, mlp, classes }) =>
  vitConfig({ imageSize: [img, img], patchSize: [patch, patch], dim, depth, heads, mlpDim: mlp ?? 4 * dim, classes })

/** The logits of images as channels, rows and columns, and the parameters by name. */
function model(config) {
  const parameters = {}
  const param = ({ name: each, shape }) => (parameters[each] ??= ops.state(each, shape))
  const images = ops.input("images", ["batch", config.channels, ...config.imageSize])
  return { logits: vit(rootScope({ param }), ops.transpose(images, [0, 2, 3, 1]), config), parameters }
}

/** Linear weights as [out, in]; the patches' as they are asked for, in the same order. */
function valuesOf({ weights }, parameters) {
  const turned = ([rows, columns], data) =>
    Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)])
  return Object.fromEntries(
    Object.keys(parameters).map((each) => {
      const { shape, data } = weights[each]
      const matrix = shape.length === 2 && each.endsWith("weight")
      return [each, matrix ? turned(shape, data) : data.slice()]
    }),
  )
}

const typesOf = (g) => Object.fromEntries(Object.entries(g.states).map(([slot, value]) => [slot, g.values[value]]))

async function prepare(g, c, parameters, batch) {
  const backend = await webgpuBackend({ software: true })
  const program = await backend.compile(g, { batch })
  return { program, state: await backend.createState(typesOf(g), valuesOf(c, parameters)) }
}

export async function inference(c) {
  const { logits, parameters } = model(configOf(c))
  const { program, state } = await prepare(graph({ outputs: { logits } }), c, parameters, c.inferBatch)
  return async (images) => (await program.run({ images }, state)).logits.data
}

export async function training(c) {
  const { logits, parameters } = model(configOf(c))
  const losses = ops.softmaxCrossEntropy(logits, ops.input("targets", logits.shape))
  const loss = ops.mul(ops.sum(losses), 1 / c.trainBatch)
  const grads = gradients([loss], Object.values(parameters))
  const scalars = Object.fromEntries(
    ["stepSize", "correction", "decay"].map((scalar) => [scalar, ops.input(scalar, [])]),
  )
  const attributes = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
  const updates = Object.entries(parameters).flatMap(([each, parameter], i) => {
    const slots = [each, `m:${each}`, `v:${each}`]
    const [m, v] = slots.slice(1).map((slot) => ops.state(slot, parameter.shape))
    const next = ops.adamW(parameter, grads[i], m, v, scalars, attributes)
    return slots.map((slot, k) => [slot, next[k]])
  })
  const g = graph({ outputs: { loss }, updates: Object.fromEntries(updates) })
  const { program, state } = await prepare(g, c, parameters, c.trainBatch)
  let t = 0
  return async (images, targets) => {
    t++
    const inputs = {
      images,
      targets,
      stepSize: Float32Array.of(c.lr / (1 - 0.9 ** t)),
      correction: Float32Array.of(1 / Math.sqrt(1 - 0.999 ** t)),
      decay: Float32Array.of(1 - c.lr * 1e-4),
    }
    return (await program.run(inputs, state)).loss.data[0]
  }
}
