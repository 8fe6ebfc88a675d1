import type { Parameter } from "../nn/scope.ts"
import { foldKey, type Key, type RandomStream, randomStream } from "../random.ts"
import type { ViTConfig } from "./config.ts"
import { cutChannels, patchGrid, prefixPositionCount, rotaryPositions } from "./geometry.ts"

/**
 * The initialisation of parameters.
 * - `paper`: as in google-research/vision_transformer: Xavier-uniform matrices, LeCun-normal patches, positions N(0,
 *   0.02²), MLP biases N(0, 1e-6²), class token and head 0.
 * - `timm`: matrices N(0, 0.02²), patches and their biases uniform in ±1/√fan-in, positions N(0, 0.02²), class token
 *   and registers N(0, 1e-6²).
 * - `fan`: matrices and patches N(0, 1/fan-in), positions N(0, 0.5²), class token N(0, 1e-6²), head 0. It gives some
 *   points more for small models from scratch on small data.
 *
 * The kernels of a hybrid's stem are N(0, 2/fan-out) in `timm`, and N(0, 1/fan-in) in the other schemes. The last norm
 * of each of the stem's blocks starts at 0, so that the block starts as its shortcut, as in Google's code and timm.
 *
 * In all schemes distillation tokens are N(0, 0.02²) and learned queries N(0, 1/dim). The normal distributions of
 * `timm` and `fan` are cut at ±2, as in `trunc_normal_`.
 */
export const initSchemes = ["paper", "timm", "fan"] as const

/** The names of the schemes by which parameters start. */
export type InitScheme = (typeof initSchemes)[number]

/** The starting values of parameters by name. A value depends only on the scheme, the key and the parameter's name. */
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
      else if (parameter.role === "frequencies")
        drawFrequencies(config, randomStream(foldKey(key, parameter.name)), values)
      else {
        const random = randomStream(foldKey(key, parameter.name))
        const draw = sampler(distribution(parameter, config, schemes[scheme]), random, schemes[scheme].cut)
        for (let i = 0; i < values.length; i++) values[i] = draw()
      }
      return [parameter.name, values]
    }),
  )
}

/** A normal distribution with mean 0, a uniform one in ±bound, or one number. */
type Distribution = { readonly std: number } | { readonly bound: number } | { readonly value: number }

/** For a matrix or kernels: the number of inputs of an output, and the number of outputs that read an input. */
interface Fans {
  readonly inputs: number
  readonly outputs: number
}

/** The distributions of a scheme. Other roles start in the same way in all schemes. */
interface Scheme {
  /** `matrices` is the number of matrices in the parameter. Each has an equal share of its outputs. */
  readonly linear: (fans: Fans, matrices: number) => Distribution
  readonly convolution: (fans: Fans) => Distribution
  readonly patch: (fans: Fans) => Distribution
  readonly head: Distribution
  /** The bias of the patches. Each patch is computed from `inputs` numbers. */
  readonly patchBias: (inputs: number) => Distribution
  readonly mlpBias: Distribution
  readonly classToken: Distribution
  readonly positions: Distribution
  /** The bound at which normal distributions are cut on both sides. */
  readonly cut: number
}

const zero: Distribution = { value: 0 }
const leCun = ({ inputs }: Fans): Distribution => ({ std: 1 / Math.sqrt(inputs) })

const schemes: Readonly<Record<InitScheme, Scheme>> = {
  paper: {
    linear: ({ inputs, outputs }, matrices) => ({ bound: Math.sqrt(6 / (inputs + outputs / matrices)) }),
    convolution: ({ inputs }) => ({ std: Math.sqrt(1 / inputs) }),
    patch: leCun,
    head: zero,
    patchBias: () => zero,
    mlpBias: { std: 1e-6 },
    classToken: zero,
    positions: { std: 0.02 },
    cut: Number.POSITIVE_INFINITY,
  },
  timm: {
    linear: () => ({ std: 0.02 }),
    convolution: ({ outputs }) => ({ std: Math.sqrt(2 / outputs) }),
    patch: ({ inputs }) => ({ bound: 1 / Math.sqrt(inputs) }),
    head: { std: 0.02 },
    patchBias: (inputs) => ({ bound: 1 / Math.sqrt(inputs) }),
    mlpBias: zero,
    classToken: { std: 1e-6 },
    positions: { std: 0.02 },
    cut: 2,
  },
  fan: {
    linear: leCun,
    convolution: ({ inputs }) => ({ std: Math.sqrt(1 / inputs) }),
    patch: leCun,
    head: zero,
    patchBias: () => zero,
    mlpBias: zero,
    classToken: { std: 1e-6 },
    positions: { std: 0.5 },
    cut: 2,
  },
}

function distribution({ name, shape, role }: Parameter, config: ViTConfig, scheme: Scheme): Distribution {
  const [outputs = 1, inputs = 1, ...kernel] = shape
  const places = kernel.reduce((n, dim) => n * dim, 1)
  const fans: Fans = { inputs: inputs * places, outputs: outputs * places }
  const { patchSize, layerScale, dim } = config
  switch (role) {
    case "linear":
      return scheme.linear(fans, matricesIn(name, config))
    case "convolution":
      return scheme.convolution(fans)
    case "patch":
      return scheme.patch(fans)
    case "head":
      return scheme.head
    case "bias":
      if (name === "patch_embed.proj.bias") return scheme.patchBias(cutChannels(config) * patchSize[0] * patchSize[1])
      return name.includes(".mlp.fc") ? scheme.mlpBias : zero
    case "scale":
      return { value: /^patch_embed\.backbone\..*\.norm3\.weight$/.test(name) ? 0 : 1 }
    case "layerScale":
      return { value: layerScale ?? 1 }
    case "classToken":
      return scheme.classToken
    case "distillationToken":
      return { std: 0.02 }
    case "embedding":
    case "latent":
      return { std: 1 / Math.sqrt(dim) }
    case "positions":
      return scheme.positions
    case "fixedPositions":
    case "frequencies":
    case "frozen":
      throw new Error(`${name} is not drawn`)
  }
}

/** Draws from a distribution. A normal value beyond ±`cut` is drawn again. */
function sampler(distribution: Distribution, random: RandomStream, cut: number): () => number {
  if ("value" in distribution) return () => distribution.value
  if ("bound" in distribution) return () => distribution.bound * (2 * random.uniform() - 1)
  return () => {
    for (;;) {
      const x = distribution.std * random.normal()
      if (Math.abs(x) <= cut) return x
    }
  }
}

/** The number of matrices in one parameter. Each has an equal share of the outputs. */
function matricesIn(name: string, { gatedMlp }: ViTConfig): number {
  if (name.endsWith("qkv.weight")) return 3
  return name.endsWith(".kv.weight") || (gatedMlp && /^blocks\..*\.fc1\.weight$/.test(name)) ? 2 : 1
}

/**
 * The 2-D sine-cosine table of big_vision, `[tokens, dim]`. Four quarters of the width hold sin x, cos x, sin y and cos
 * y, with frequencies 1 / 10000^(i / (dim/4 − 1)). The tokens before the patches have zeros.
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

/**
 * The starting frequencies of RoPE-Mixed, `[2, depth, heads, headDim / 2]`. They are fixed rotary frequencies along two
 * perpendicular axes, which have a random direction for each block and head (`init_random_2d_freqs` of timm).
 */
function drawFrequencies(config: ViTConfig, random: RandomStream, out: Float32Array): void {
  const { depth, dim, heads } = config
  const temperature = rotaryPositions(config)?.temperature ?? 1
  const half = dim / heads / 2
  for (let row = 0; row < depth * heads; row++) {
    const direction = 2 * Math.PI * random.uniform()
    for (let i = 0; i < half; i++) {
      const angle = direction + (i < half / 2 ? 0 : Math.PI / 2)
      const size = temperature ** (-(i % (half / 2)) / (half / 2))
      out[row * half + i] = size * Math.cos(angle)
      out[(depth * heads + row) * half + i] = size * Math.sin(angle)
    }
  }
}
