import {
  foldKey,
  type ImageModel,
  type Key,
  ops,
  type Parameter,
  rootScope,
  randomStream,
  type Tensor,
} from "@vitrine/core"
import type { BiTConfig } from "./config.ts"
import { bit } from "./model.ts"

/** All parameters of a model, in the order in which the model reads them. */
export function bitParameters(config: BiTConfig): Parameter[] {
  const parameters: Parameter[] = []
  const param = (parameter: Parameter): Tensor => {
    parameters.push(parameter)
    return ops.state(parameter.name, parameter.shape)
  }
  bit(rootScope({ param }), ops.input("images", ["batch", ...config.imageSize, config.channels]), config)
  return parameters
}

/** BiT's ResNet as an image classifier. */
export function bitModel(config: BiTConfig): ImageModel {
  const { imageSize, channels, classes } = config
  const forward: ImageModel["forward"] = (scope, images) => bit(scope, images, config)
  return { imageSize, channels, classes, parameters: bitParameters(config), forward }
}

/**
 * Starting values by name, as in timm: convolutions N(0, 2/fan-out), the head N(0, 0.01²), gains 1, biases 0. A value
 * depends only on the key and the parameter's name.
 */
export function initializeBiT(parameters: readonly Parameter[], key: Key): Record<string, Float32Array> {
  return Object.fromEntries(
    parameters.map(({ name, shape, role }) => {
      const size = shape.reduce((n, dim) => n * dim, 1)
      if (role === "scale") return [name, new Float32Array(size).fill(1)]
      if (role === "bias") return [name, new Float32Array(size)]
      const [, inputs = 1] = shape
      const std = role === "head" ? 0.01 : Math.sqrt((2 * inputs) / size)
      const random = randomStream(foldKey(key, name))
      return [name, Float32Array.from({ length: size }, () => std * random.normal())]
    }),
  )
}
