import {
  activate,
  type Backend,
  foldKey,
  gradients,
  graph,
  initializeViT,
  keyFromSeed,
  layerNorm,
  linear,
  ops,
  type Parameter,
  rootScope,
  type Scope,
  selfAttention,
  type Tensor,
  tokenCount,
  type ViTConfig,
} from "@vitrine/core"
import { entryOf } from "../checked.ts"

/** The norm of the gradient of the tokens before each block, and after the last one. */
export interface NormOrders {
  readonly pre: readonly number[]
  readonly post: readonly number[]
}

type Order = keyof NormOrders

const depth = 12

/**
 * Compares the two places of the norm (Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020).
 * The place decides how large the gradient is in the first blocks. Both models have twelve blocks of the guide model's
 * width, the same random weights, and the loss of one class. They start from the reader's tokens, scaled to variance 1.
 */
export async function normOrders(backend: Backend, config: ViTConfig, tokens: Float32Array): Promise<NormOrders> {
  const norms = async (order: Order): Promise<number[]> => {
    const parameters = new Map<string, Parameter>()
    const param = (parameter: Parameter): Tensor => {
      parameters.set(parameter.name, parameter)
      return ops.state(parameter.name, parameter.shape)
    }
    const outputs = gradientNorms(order, config, rootScope({ param }))
    const values = initializeViT([...parameters.values()], config, "paper", foldKey(keyFromSeed(0), "norm-order"))
    const program = await backend.compile(graph({ outputs }), { batch: 1, constants: values })
    const results = await program.run({ tokens: standardized(tokens, config.dim) })
    await program.dispose()
    return Object.keys(outputs).map((name) => Number(entryOf(results, name).data[0]))
  }
  return { pre: await norms("pre"), post: await norms("post") }
}

/** Scales each token to mean 0 and variance 1, for which the weights are initialised. */
function standardized(tokens: Float32Array, dim: number): Float32Array {
  const out = new Float32Array(tokens.length)
  for (let start = 0; start < tokens.length; start += dim) {
    const token = tokens.subarray(start, start + dim)
    const mean = token.reduce((a, b) => a + b, 0) / dim
    const variance = token.reduce((a, b) => a + (b - mean) ** 2, 0) / dim
    out.set(
      token.map((value) => (value - mean) / Math.sqrt(variance + 1e-12)),
      start,
    )
  }
  return out
}

/** The norms of the gradients of one class's loss, at each level of the model. */
function gradientNorms(order: Order, config: ViTConfig, scope: Scope): Record<string, Tensor> {
  let last = ops.input("tokens", ["batch", tokenCount(config), config.dim])
  const levels = [last]
  for (let i = 0; i < depth; i++) {
    last = block(order, scope.at(`${i}`), last, config)
    levels.push(last)
  }
  const normed = order === "pre" ? layerNorm(scope.at("norm"), last, config.layerNormEpsilon) : last
  const classToken = ops.reshape(ops.slice(normed, 1, 0, 1), ["batch", config.dim])
  const logits = linear(scope.at("head"), classToken, config.classes)
  const target = ops.constant(
    Float32Array.from({ length: config.classes }, (_, i) => (i === 0 ? 1 : 0)),
    [config.classes],
  )
  const loss = ops.sum(ops.softmaxCrossEntropy(logits, ops.broadcastTo(target, ["batch", config.classes])))
  const norms = gradients([loss], levels).map((gradient) => ops.sqrt(ops.sum(ops.square(gradient))))
  return Object.fromEntries(norms.map((norm, level) => [`norm${level}`, norm]))
}

/** x + f(LN(x)), or LN(x + f(x)), for the attention and then for the MLP. */
function block(order: Order, scope: Scope, x: Tensor, config: ViTConfig): Tensor {
  const sublayer = (name: string, x: Tensor, f: (x: Tensor) => Tensor): Tensor => {
    const norm = (t: Tensor): Tensor => layerNorm(scope.at(name), t, config.layerNormEpsilon)
    return order === "pre" ? ops.add(x, f(norm(x))) : norm(ops.add(x, f(x)))
  }
  const attended = sublayer("norm1", x, (t) =>
    selfAttention(scope.at("attn"), t, { heads: config.heads, weightDropout: 0 }),
  )
  return sublayer("norm2", attended, (t) =>
    linear(scope.at("fc2"), activate(linear(scope.at("fc1"), t, config.mlpDim), "gelu"), config.dim),
  )
}
