import { foldKey, type Key, ops, type Parameter, rootScope, type Scope, randomStream, type Tensor } from "@vitrine/core"
import { type Seq2SeqConfig, sourceLength, type TransformerConfig } from "./config.ts"
import { seq2seq } from "./seq2seq.ts"
import { transformer } from "./transformer.ts"

/** All parameters of a `torch.nn.Transformer`, in the order in which the model reads them. */
export function transformerParameters(config: TransformerConfig): Parameter[] {
  const tokens = ops.input("tokens", ["batch", 1, config.dim])
  return recordParameters((scope) => transformer(scope, tokens, tokens, config))
}

/** All parameters of a model, in the order in which the model reads them. */
export function seq2seqParameters(config: Seq2SeqConfig): Parameter[] {
  const tokens = ops.input("tokens", ["batch", 1], "int32")
  return recordParameters((scope) => seq2seq(scope, sourceInput(config), tokens, config))
}

/** The graph's input `source`: images, or tokens as numbers. */
export function sourceInput(config: Seq2SeqConfig, batch: number | "batch" = "batch"): Tensor {
  const { source } = config
  return source.kind === "image"
    ? ops.input("source", [batch, ...source.imageSize, source.channels])
    : ops.input("source", [batch, sourceLength(config)], "int32")
}

/** The parameters that a model reads. */
function recordParameters(model: (scope: Scope) => void): Parameter[] {
  const tensors = new Map<string, Tensor>()
  const parameters: Parameter[] = []
  const param = (parameter: Parameter): Tensor => {
    const shared = tensors.get(parameter.name)
    if (shared !== undefined) return shared
    const tensor = ops.state(parameter.name, parameter.shape)
    tensors.set(parameter.name, tensor)
    parameters.push(parameter)
    return tensor
  }
  model(rootScope({ param }))
  return parameters
}

/**
 * Starting values by name. Matrices are Xavier-uniform as in `torch.nn.Transformer`, patches are LeCun-normal, gains 1
 * and biases 0. Embeddings are N(0, 1/dim), so that times √dim they are as large as the positions.
 */
export function initializeSeq2Seq(parameters: readonly Parameter[], key: Key): Record<string, Float32Array> {
  return Object.fromEntries(
    parameters.map(({ name, shape, role }) => {
      const random = randomStream(foldKey(key, name))
      const [outputs = 1, ...inputs] = shape
      const fanIn = inputs.reduce((n, size) => n * size, 1)
      const bound = Math.sqrt(6 / (fanIn + outputs))
      const value = (): number => {
        if (role === "scale") return 1
        if (role === "bias") return 0
        return role === "patch" || role === "embedding"
          ? random.normal() / Math.sqrt(fanIn)
          : bound * (2 * random.uniform() - 1)
      }
      return [name, Float32Array.from({ length: outputs * fanIn }, value)]
    }),
  )
}
