import {
  foldKey,
  initializeViT,
  type Key,
  ops,
  type Parameter,
  rootScope,
  randomStream,
  type Tensor,
} from "@vitrine/core"
import { initializeResNet } from "@vitrine/resnet"
import { type DetrConfig, detrChannels } from "./config.ts"
import { detr } from "./detr.ts"

/** What the names of the backbone's parameters begin with. */
export const backbonePrefix = "backbone.0.body"

/** Every parameter of a detector, in the order in which the model asks for them. */
export function detrParameters(config: DetrConfig): Parameter[] {
  const found = new Map<string, Parameter>()
  const param = (parameter: Parameter): Tensor => {
    found.set(parameter.name, parameter)
    return ops.state(parameter.name, parameter.shape)
  }
  // A ResNet's parameters do not depend on the size of its images.
  const size = config.backbone.kind === "vit" ? config.backbone.config.imageSize : ([64, 64] as const)
  detr(rootScope({ param }), ops.input("images", ["batch", ...size, detrChannels(config)]), config)
  return [...found.values()]
}

/**
 * Starting values by name: of a ResNet torchvision's, of a ViT those of `fan`, of the rest facebookresearch's: matrices of the
 * transformer Xavier-uniform, heads and biases uniform in ±1/√fan-in, queries N(0, 1). They depend on the key and each
 * parameter's name alone.
 */
export function initializeDetr(
  parameters: readonly Parameter[],
  config: DetrConfig,
  key: Key,
): Record<string, Float32Array> {
  const { backbone } = config
  const below = `${backbonePrefix}.`
  const own = parameters.filter(({ name }) => name.startsWith(below))
  const stripped = own.map((parameter) => ({ ...parameter, name: parameter.name.slice(below.length) }))
  const inner =
    backbone.kind === "resnet"
      ? initializeResNet(stripped, foldKey(key, "backbone"))
      : initializeViT(stripped, backbone.config, "fan", foldKey(key, "backbone"))
  const values = Object.fromEntries(Object.entries(inner).map(([name, data]) => [below + name, data]))
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]))
  for (const parameter of parameters)
    if (!parameter.name.startsWith(below))
      values[parameter.name] = drawn(parameter, shapes, foldKey(key, parameter.name))
  return values
}

function drawn(
  { name, shape, role }: Parameter,
  shapes: ReadonlyMap<string, readonly number[]>,
  key: Key,
): Float32Array {
  const random = randomStream(key)
  const values = new Float32Array(shape.reduce((n, dim) => n * dim, 1))
  const uniform = (bound: number): Float32Array => values.map(() => bound * (2 * random.uniform() - 1))
  if (role === "scale") return values.fill(1)
  if (role === "latent") return values.map(() => random.normal())
  const [outputs, ...inputs] = shapes.get(name.replace(/bias$/, "weight")) as [number, ...number[]]
  const fanIn = inputs.reduce((n, dim) => n * dim, 1)
  if (role === "linear") return uniform(Math.sqrt(6 / (fanIn + outputs)))
  // Biases of norms and of attention start at 0.
  return /(norm\d?\.|in_proj_|out_proj\.)bias$/.test(name) ? values : uniform(1 / Math.sqrt(fanIn))
}
