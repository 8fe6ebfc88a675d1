import { foldKey, type Key, ops, type Parameter, randomStream, rootScope, type Tensor } from "@vitrine/core"
import { backboneImageSize, initializeBackbone } from "./backbones.ts"
import { type DetrConfig, detrChannels } from "./config.ts"
import { detr } from "./detr.ts"

/** The beginning of the names of the backbone's parameters. */
export const backbonePrefix = "backbone.0.body"

/** Every parameter of a detector, in the order in which the model asks for them. */
export function detrParameters(config: DetrConfig): Parameter[] {
  const parameters = new Map<string, Parameter>()
  const param = (parameter: Parameter): Tensor => {
    parameters.set(parameter.name, parameter)
    return ops.state(parameter.name, parameter.shape)
  }
  // The parameters of a backbone that takes any size do not depend on it.
  const size = backboneImageSize(config.backbone) ?? [64, 64]
  detr(rootScope({ param }), ops.input("images", ["batch", ...size, detrChannels(config)]), config)
  return [...parameters.values()]
}

/**
 * Starting values by name. A ResNet starts as torchvision's, a ViT by the scheme `fan`. The rest starts as facebookresearch's:
 * matrices of the transformer Xavier-uniform, heads and biases uniform in ±1/√fan-in, queries N(0, 1). A value depends on the
 * key and the parameter's name alone.
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
  // A bias has the bounds of its matrix.
  const [outputs = 1, ...inputs] = shapes.get(name.replace(/bias$/, "weight")) ?? []
  const fanIn = inputs.reduce((n, dim) => n * dim, 1)
  if (role === "linear") return uniform(Math.sqrt(6 / (fanIn + outputs)))
  // Biases of norms and of attention start at 0.
  return /(norm\d?\.|in_proj_|out_proj\.)bias$/.test(name) ? values : uniform(1 / Math.sqrt(fanIn))
}
