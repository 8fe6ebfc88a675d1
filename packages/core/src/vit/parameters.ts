import type { ImageModel } from "../model.ts"
import { type Parameter, rootScope } from "../nn/scope.ts"
import { foldKey, type Key, type RandomStream, randomStream } from "../random.ts"
import { input, state } from "../tensor/ops.ts"
import { cutChannels, patchGrid, prefixPositionCount, type ViTConfig } from "./config.ts"
import { vit } from "./model.ts"

/** Every parameter of a model, in the order in which the model asks for them. */
export function vitParameters(config: ViTConfig): Parameter[] {
  const found = new Map<string, Parameter>()
  const param = (parameter: Parameter): ReturnType<typeof state> => {
    found.set(parameter.name, parameter)
    return state(parameter.name, parameter.shape)
  }
  vit(rootScope({ param }), input("images", ["batch", ...config.imageSize, config.channels]), config)
  return [...found.values()]
}

/** A Vision Transformer as a model among others. */
export function vitModel(config: ViTConfig): ImageModel {
  const { imageSize, channels, classes } = config
  const forward: ImageModel["forward"] = (scope, images) => vit(scope, images, config)
  return { imageSize, channels, classes, parameters: vitParameters(config), forward }
}

/** How many numbers a model has to learn: fixed tables and frozen values are left out. */
export function parameterCount(parameters: readonly Parameter[]): number {
  return parameters
    .filter(({ role }) => role !== "fixedPositions" && role !== "frozen")
    .reduce((total, { shape }) => total + shape.reduce((n, dim) => n * dim, 1), 0)
}

/**
 * How parameters start.
 * - `paper`: as google-research/vision_transformer: Xavier-uniform matrices, LeCun-normal patches, positions N(0, 0.02²),
 *   MLP biases N(0, 1e-6²), class token and head 0.
 * - `timm`: matrices N(0, 0.02²), patches and their biases uniform in ±1/√fan-in, positions N(0, 0.02²), class token and
 *   registers N(0, 1e-6²).
 * - `fan`: matrices and patches N(0, 1/fan-in), positions N(0, 0.5²), class token N(0, 1e-6²), head 0: for small models
 *   from scratch on small data, where it is worth some points.
 *
 * Of a hybrid's stem, `timm` draws kernels from N(0, 2/fan-out), the others from N(0, 1/fan-in), and the last norm of each
 * of its blocks starts at 0, so that the block is its shortcut, as in both codes.
 *
 * In all of them distillation tokens start from N(0, 0.02²), learned queries from N(0, 1/dim). Normal distributions of `timm` and `fan` are cut at ±2, as `trunc_normal_` does.
 */
export type InitScheme = "paper" | "timm" | "fan"

/** The starting values of parameters by name. They depend on the scheme, the key and each parameter's name alone. */
export function initializeViT(
  parameters: readonly Parameter[],
  config: ViTConfig,
  scheme: InitScheme,
  key: Key,
): Record<string, Float32Array> {
  return Object.fromEntries(
    parameters.map((parameter) => {
      const values = new Float32Array(parameter.shape.reduce((n, dim) => n * dim, 1))
      if (parameter.role === "fixedPositions") sincosPositions(config, values)
      else {
        const draw = distribution(parameter, config, scheme, randomStream(foldKey(key, parameter.name)))
        for (let i = 0; i < values.length; i++) values[i] = draw()
      }
      return [parameter.name, values]
    }),
  )
}

function distribution(
  { name, shape, role }: Parameter,
  config: ViTConfig,
  scheme: InitScheme,
  random: RandomStream,
): () => number {
  const { patchSize, layerScale, dim } = config
  const fanIn = shape.slice(1).reduce((n, dim) => n * dim, 1)
  const fanOut = shape[0] as number
  const normal = (std: number) => (): number => {
    for (;;) {
      const x = std * random.normal()
      if (scheme === "paper" || Math.abs(x) <= 2) return x
    }
  }
  const uniform = (bound: number) => (): number => bound * (2 * random.uniform() - 1)
  const constant = (value: number) => (): number => value
  switch (role) {
    case "linear":
      if (scheme === "timm") return normal(0.02)
      return scheme === "fan"
        ? normal(1 / Math.sqrt(fanIn))
        : uniform(Math.sqrt(6 / (fanIn + fanOut / matricesIn(name, config))))
    case "convolution":
      return normal(Math.sqrt(scheme === "timm" ? (2 * (shape[1] as number)) / (fanIn * fanOut) : 1 / fanIn))
    case "patch":
      return scheme === "timm" ? uniform(1 / Math.sqrt(fanIn)) : normal(1 / Math.sqrt(fanIn))
    case "head":
      return scheme === "timm" ? normal(0.02) : constant(0)
    case "bias":
      if (scheme === "timm" && name === "patch_embed.proj.bias")
        return uniform(1 / Math.sqrt(cutChannels(config) * patchSize[0] * patchSize[1]))
      return scheme === "paper" && name.includes(".mlp.") ? normal(1e-6) : constant(0)
    case "scale":
      return constant(/^patch_embed\.backbone\..*\.norm3\.weight$/.test(name) ? 0 : 1)
    case "layerScale":
      return constant(layerScale as number)
    case "classToken":
      return scheme === "paper" ? constant(0) : normal(1e-6)
    case "distillationToken":
      return normal(0.02)
    case "embedding":
    case "latent":
      return normal(1 / Math.sqrt(dim))
    case "positions":
      return normal(scheme === "fan" ? 0.5 : 0.02)
    case "fixedPositions":
    case "frozen":
      throw new Error(`${name} is not drawn`)
  }
}

/** How many matrices, each with a fan-out of its own, lie in one parameter. */
function matricesIn(name: string, { gatedMlp }: ViTConfig): number {
  if (name.endsWith("qkv.weight")) return 3
  return name.endsWith(".kv.weight") || (gatedMlp && /^blocks\..*\.fc1\.weight$/.test(name)) ? 2 : 1
}

/**
 * The 2-D sine-cosine table of big_vision, `[tokens, dim]`: a quarter of the width each for sin x, cos x,
 * sin y, cos y, frequencies 1 / 10000^(i / (dim/4 − 1)); zeros for the tokens before the patches.
 */
function sincosPositions(config: ViTConfig, out: Float32Array): void {
  const [rows, columns] = patchGrid(config)
  const quarter = config.dim / 4
  let at = prefixPositionCount(config) * config.dim
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++, at += config.dim)
      for (let i = 0; i < quarter; i++) {
        const frequency = quarter === 1 ? 1 : 10000 ** (-i / (quarter - 1))
        out[at + i] = Math.sin(x * frequency)
        out[at + quarter + i] = Math.cos(x * frequency)
        out[at + 2 * quarter + i] = Math.sin(y * frequency)
        out[at + 3 * quarter + i] = Math.cos(y * frequency)
      }
}
