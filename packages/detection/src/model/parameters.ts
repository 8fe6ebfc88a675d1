import { foldKey, type Key, ops, type Parameter, randomStream, rootScope, type Tensor } from "@vitrine/core"
import { backboneImageSize, initializeBackbone } from "./backbones.ts"
import { type DetrConfig, detrChannels } from "./config.ts"
import { detr } from "./detr.ts"

/** The prefix of the names of the backbone's parameters. */
export const backbonePrefix = "backbone.0.body"

/** All parameters of a detector, in the order in which the model reads them. */
export function detrParameters(config: DetrConfig): Parameter[] {
  const parameters = new Map<string, Parameter>()
  const param = (parameter: Parameter): Tensor => {
    parameters.set(parameter.name, parameter)
    return ops.state(parameter.name, parameter.shape)
  }
  // A backbone that accepts any image size has the same parameters for each size.
  const size = backboneImageSize(config.backbone) ?? [64, 64]
  detr(rootScope({ param }), ops.input("images", ["batch", ...size, detrChannels(config)]), config)
  return [...parameters.values()]
}

/**
 * Starting values by name. A ResNet starts as in torchvision, a ViT by the scheme `fan`. All other values start as in
 * facebookresearch's DETR: matrices of the transformer are Xavier-uniform, heads and biases are uniform in ±1/√fan-in,
 * queries are N(0, 1). A value depends only on the key and the parameter's name.
 */
export function initializeDetr(
  parameters: readonly Parameter[],
  config: DetrConfig,
  key: Key,
): Record<string, Float32Array> {
  const prefix = `${backbonePrefix}.`
  const ofBackbone = parameters
    .filter(({ name }) => name.startsWith(prefix))
    .map((parameter) => ({ ...parameter, name: parameter.name.slice(prefix.length) }))
  const backboneValues = initializeBackbone(ofBackbone, config.backbone, foldKey(key, "backbone"))
  const values = Object.fromEntries(Object.entries(backboneValues).map(([name, data]) => [prefix + name, data]))
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]))
  for (const parameter of parameters)
    if (!parameter.name.startsWith(prefix))
      values[parameter.name] = randomValues(parameter, shapes, foldKey(key, parameter.name))
  return values
}

function randomValues(
  { name, shape, role }: Parameter,
  shapes: ReadonlyMap<string, readonly number[]>,
  key: Key,
): Float32Array {
  const random = randomStream(key)
  const values = new Float32Array(shape.reduce((n, dim) => n * dim, 1))
  const uniform = (bound: number): Float32Array => values.map(() => bound * (2 * random.uniform() - 1))
  if (role === "scale") return values.fill(1)
  if (role === "latent") return values.map(() => random.normal())
  // A bias has the same bounds as the matrix of its layer.
  const [outputs = 1, ...inputs] = shapes.get(name.replace(/bias$/, "weight")) ?? []
  const fanIn = inputs.reduce((n, dim) => n * dim, 1)
  if (role === "linear") return uniform(Math.sqrt(6 / (fanIn + outputs)))
  // Biases of norms and of attention start at 0.
  return /(norm\d?\.|in_proj_|out_proj\.)bias$/.test(name) ? values : uniform(1 / Math.sqrt(fanIn))
}
