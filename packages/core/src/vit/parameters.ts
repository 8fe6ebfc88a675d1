import type { ImageModel } from "../model.ts"
import { type Parameter, rootScope } from "../nn/scope.ts"
import { input, state } from "../tensor/ops.ts"
import type { ViTConfig } from "./config.ts"
import { vit } from "./model.ts"

/** All parameters of a model, in the order in which the model uses them. */
export function vitParameters(config: ViTConfig): Parameter[] {
  const parameters = new Map<string, Parameter>()
  const param = (parameter: Parameter): ReturnType<typeof state> => {
    parameters.set(parameter.name, parameter)
    return state(parameter.name, parameter.shape)
  }
  vit(rootScope({ param }), input("images", ["batch", ...config.imageSize, config.channels]), config)
  return [...parameters.values()]
}

/** A Vision Transformer as an `ImageModel`. */
export function vitModel(config: ViTConfig): ImageModel {
  const { imageSize, channels, classes } = config
  const forward: ImageModel["forward"] = (scope, images) => vit(scope, images, config)
  return { imageSize, channels, classes, parameters: vitParameters(config), forward }
}

/** The count of numbers that a model learns. Fixed tables and frozen values do not count. */
export function parameterCount(parameters: readonly Parameter[]): number {
  return parameters
    .filter(({ role }) => role !== "fixedPositions" && role !== "frozen")
    .reduce((total, { shape }) => total + shape.reduce((n, dim) => n * dim, 1), 0)
}
