/** The vision half of CLIP and of SigLIP in the format that transformers loads with all checks. */
import { type ViTConfig, vitParameters } from "@vitrine/core"
import { huggingFaceName } from "../../activations.ts"
import type { Json } from "../../json.ts"
import { weightOf } from "../../sources.ts"
import { concatenated } from "../../weights.ts"
import type { HuggingFaceTensor } from "../formats.ts"
import { presentFeatures } from "./features.ts"
import { sharedFields } from "./huggingface-fields.ts"
import { towerSource } from "./towers.ts"

/** Whether CLIP or SigLIP is the class of transformers that is closest to a model. */
export function isTowerConfig({ classes, embeddingNorm, layerScale, pool, positions }: ViTConfig): boolean {
  if (classes > 0 || layerScale !== null || typeof positions === "object") return false
  return embeddingNorm ? pool === "token" : pool === "map"
}

export function writeTower(config: ViTConfig): { readonly fields: Json; readonly notes: readonly string[] } {
  const clip = config.embeddingNorm
  const fields = {
    architectures: [clip ? "CLIPVisionModel" : "SiglipVisionModel"],
    model_type: clip ? "clip_vision_model" : "siglip_vision_model",
    ...sharedFields(config),
    layer_norm_eps: config.layerNormEpsilon,
    attention_dropout: config.attentionDropout,
  }
  return { fields, notes: ["its features are the pooler_output of transformers"] }
}

/** The properties of a model that the towers of transformers lack. */
export function beyondTower(config: ViTConfig): string[] {
  const { activation, heads, imageSize, mapPool, mlpDim, patchSize, positions } = config
  const square = ([height, width]: readonly [number, number]): boolean => height === width
  const features = {
    "a ResNet before the patches": config.stem !== null,
    "images or patches that are not square": !square(imageSize) || !square(patchSize),
    "no positions": positions === "none",
    "tokens without positions": config.classToken && !config.prefixPositions,
    "a distillation token or registers": config.distillationToken || config.registers > 0,
    "a class token": !config.embeddingNorm && config.classToken,
    "a pool of another size": mapPool !== null && (mapPool.heads !== heads || mapPool.mlpDim !== mlpDim),
    "no norm before the pool": !config.finalNorm || config.normAfterPool,
    "missing biases": !config.qkvBias || !config.keyBias || !config.projBias,
    "a matrix for each projection or gate": config.splitQkv || config.splitGate || config.gatedMlp,
    "norms inside of or behind its layers": config.attentionNorm || config.mlpNorm || config.qkNorm || config.postNorm,
    "layers side by side": config.blockKind !== "sequential",
    "norms by the root mean square": config.norm === "rms",
    "a norm of the patches": config.patchNorm,
    "a hidden layer before the logits": config.preLogits !== null,
    [`the activation ${activation}`]: huggingFaceName(activation) === undefined,
    dropout: config.dropout > 0 || config.stochasticDepth > 0,
  }
  return presentFeatures(features)
}

export function towerTensors(
  config: ViTConfig,
  weights: Readonly<Record<string, Float32Array>>,
): readonly HuggingFaceTensor[] {
  const parts = new Map<string, { shape: readonly number[]; values: Float32Array[] }>()
  for (const { name, shape } of vitParameters(config)) {
    const values = weightOf(weights, name)
    const { from, shapes } = towerSource(name, shape, config.dim, "")
    const length = values.length / from.length
    for (const [i, tensor] of from.entries()) {
      const part = parts.get(tensor) ?? { shape: shapes[i] ?? [], values: [] }
      part.values.push(values.subarray(i * length, (i + 1) * length))
      parts.set(tensor, part)
    }
  }
  return Array.from(parts, ([name, { shape, values }]) => ({ name, shape, data: concatenated(values) }))
}
