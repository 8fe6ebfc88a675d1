import {
  type Graph,
  gradients,
  graph,
  ops,
  rootScope,
  type Tensor,
  type TensorType,
  type ViTConfig,
  vit,
  vitConfig,
} from "@vitrine/core"

/** A model for images of CIFAR's size. */
export const small: ViTConfig = vitConfig({
  imageSize: [32, 32],
  patchSize: [4, 4],
  dim: 192,
  depth: 6,
  heads: 3,
  mlpDim: 768,
  classes: 10,
})

/** A model's parameters as slots, its logits, and its images as an input. */
function trace(config: ViTConfig): { readonly logits: Tensor; readonly parameters: Record<string, Tensor> } {
  const parameters: Record<string, Tensor> = {}
  const scope = rootScope({ param: ({ name, shape }) => (parameters[name] ??= ops.state(name, shape)) })
  const images = ops.input("images", ["batch", ...config.imageSize, config.channels])
  return { logits: vit(scope, images, config), parameters }
}

export const inferGraph = (config: ViTConfig): Graph => graph({ outputs: { logits: trace(config).logits } })

/** A step of AdamW on the mean cross-entropy. */
export function trainGraph(config: ViTConfig): Graph {
  const { logits, parameters } = trace(config)
  const loss = ops.div(
    ops.sum(ops.softmaxCrossEntropy(logits, ops.input("targets", ["batch", config.classes]))),
    ops.input("total", []),
  )
  const grads = gradients([loss], Object.values(parameters))
  const [stepSize, correction, decay] = ["stepSize", "correction", "decay"].map((name) => ops.input(name, []))
  const scalars = { stepSize, correction, decay } as Parameters<typeof ops.adamW>[4]
  const updates = Object.entries(parameters).flatMap(([name, parameter], i): [string, Tensor][] => {
    const [m, v] = [ops.state(`m:${name}`, parameter.shape), ops.state(`v:${name}`, parameter.shape)]
    const attributes = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    const next = ops.adamW(parameter, grads[i] as Tensor, m, v, scalars, attributes)
    return [name, `m:${name}`, `v:${name}`].map((slot, k) => [slot, next[k] as Tensor])
  })
  return graph({ outputs: { loss }, updates: Object.fromEntries(updates) })
}

/** What slots a graph wants. */
export const slotsOf = (g: Graph): Record<string, TensorType> =>
  Object.fromEntries(Object.entries(g.states).map(([name, value]) => [name, g.values[value] as TensorType]))
