import {
  familyOf,
  imageModel,
  type ModelConfig,
  type StoredTensor,
  toTimmConfig,
  writeSafetensors,
} from "@vitrine/checkpoint"
import { VitrineError } from "@vitrine/core"
import { float16Bits } from "@vitrine/core/backend"
import type { LinearHead } from "@vitrine/trainer"
import type { WholeModel } from "./whole-model.ts"

/**
 * A classifier of other classes: the features of a model, and a linear head that `fitHead` has fitted to them.
 * @param labels the names of the classes, in the order of the head's rows
 * @throws VitrineError (config) for a head of another width, and for a model with a distillation token
 */
export function withHead(model: WholeModel, head: LinearHead, labels: readonly string[]): WholeModel {
  const { config: backbone } = model
  if ("distillationToken" in backbone && backbone.distillationToken)
    throw new VitrineError("config", "a model with a distillation token has two heads: take one without it")
  const { linearHead } = familyOf(backbone).recipes
  const config: ModelConfig = Object.assign({ ...backbone }, linearHead, { classes: labels.length })
  const weights = Object.fromEntries(
    imageModel(config).parameters.map(({ name, shape, role }): [string, Float32Array] => {
      const size = shape.reduce((n, dim) => n * dim, 1)
      const values = role === "head" ? head.weight : isBiasOfHead(name) ? head.bias : model.weights[name]
      if (values?.length !== size)
        throw new VitrineError("config", `${name} must have ${size} numbers, got ${values?.length ?? 0}`)
      return [name, values]
    }),
  )
  return { ...model, config, weights, labels, problemType: null }
}

const isBiasOfHead = (name: string): boolean => /^head\.(fc\.)?bias$/.test(name)

/** The files of a model folder, in pieces. */
export interface ModelFolderFiles {
  readonly "config.json": readonly Uint8Array[]
  readonly "model.safetensors": readonly Uint8Array[]
}

/**
 * The files of a model folder, as training writes them.
 * @param dtype the type of the stored numbers; F32 by default
 * @throws VitrineError (config) for a number that float16 cannot hold
 */
export async function modelFolder(
  { config, preprocessing, labels, weights }: WholeModel,
  dtype: "F32" | "F16" = "F32",
): Promise<ModelFolderFiles> {
  const json = await toTimmConfig(config, { preprocessing, labels })
  const tensors = imageModel(config).parameters.flatMap(({ name, shape }): [string, StoredTensor][] => {
    const data = weights[name]
    if (data === undefined) return []
    return [[name, dtype === "F16" ? { dtype, shape, data: float16Bits(data, name) } : { dtype, shape, data }]]
  })
  return {
    "config.json": [new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`)],
    "model.safetensors": writeSafetensors(tensors, { format: "pt" }),
  }
}
