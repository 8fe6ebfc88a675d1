import { type Graph, gradients, graph, ops, rootScope, type Tensor, type ViTConfig, vit } from "@vitrine/core"

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
