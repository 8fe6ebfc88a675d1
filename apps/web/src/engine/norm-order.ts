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
  type ViTConfig,
} from "@vitrine/core"

/** Norm of the gradient that reaches the tokens before each block, and after the last one. */
export interface NormOrders {
  readonly pre: readonly number[]
  readonly post: readonly number[]
}

type Order = keyof NormOrders

const depth = 12

/**
 * Where the norm stands decides how much of the gradient reaches the first blocks (Xiong et al., "On Layer
 * Normalization in the Transformer Architecture", 2020): both orders with the same random weights, twelve blocks of the
 * model's width, the reader's tokens, brought to variance 1, and the loss of one class.
 */
export async function normOrders(backend: Backend, config: ViTConfig, tokens: Float32Array): Promise<NormOrders> {
  const norms = { pre: [] as number[], post: [] as number[] }
  for (const order of ["pre", "post"] as const) {
    const recorded = new Map<string, Parameter>()
    const { outputs } = traced(
      order,
      config,
      rootScope({ param: (p) => (recorded.set(p.name, p), ops.state(p.name, p.shape)) }),
    )
    const values = initializeViT([...recorded.values()], config, "paper", foldKey(keyFromSeed(0), "norm-order"))
    const program = await backend.compile(graph({ outputs }), { batch: 1, constants: values })
    const found = await program.run({ tokens: standardized(tokens, config.dim) })
    await program.dispose()
    norms[order] = Array.from({ length: depth + 1 }, (_, i) => Number(found[`norm${i}`]?.data[0]))
  }
  return norms
}

/** Each token with mean 0 and variance 1: the scale at which weights are drawn. */
function standardized(tokens: Float32Array, dim: number): Float32Array {
  const out = new Float32Array(tokens.length)
  for (let at = 0; at < tokens.length; at += dim) {
    const own = tokens.subarray(at, at + dim)
    const mean = own.reduce((a, b) => a + b, 0) / dim
    const variance = own.reduce((a, b) => a + (b - mean) ** 2, 0) / dim
    for (let i = 0; i < dim; i++) out[at + i] = ((own[i] as number) - mean) / Math.sqrt(variance + 1e-12)
  }
  return out
}

function traced(order: Order, config: ViTConfig, scope: Scope): { outputs: Record<string, Tensor> } {
  const count = (config.imageSize[0] / config.patchSize[0]) * (config.imageSize[1] / config.patchSize[1]) + 1
  const levels = [ops.input("tokens", ["batch", count, config.dim])]
  for (let i = 0; i < depth; i++) levels.push(block(order, scope.at(`${i}`), levels[i] as Tensor, config))
  const last = levels[depth] as Tensor
  const normed = order === "pre" ? layerNorm(scope.at("norm"), last, config.layerNormEpsilon) : last
  const read = ops.reshape(ops.slice(normed, 1, 0, 1), ["batch", config.dim])
  const logits = linear(scope.at("head"), read, config.classes)
  const target = ops.constant(
    Float32Array.from({ length: config.classes }, (_, i) => (i === 0 ? 1 : 0)),
    [config.classes],
  )
  const loss = ops.sum(ops.softmaxCrossEntropy(logits, ops.broadcastTo(target, ["batch", config.classes])))
  const outputs: Record<string, Tensor> = {}
  for (const [i, slope] of gradients([loss], levels).entries())
    outputs[`norm${i}`] = ops.sqrt(ops.sum(ops.square(slope)))
  return { outputs }
}

/** x + f(LN(x)), or LN(x + f(x)), for the attention and for the MLP. */
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
