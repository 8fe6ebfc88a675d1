import { type Backend, VitrineError } from "@vitrine/core"
import { type ImageInput, load, type Model, attentionConfig } from "vitrine/web"
import { type Values, valuesOf } from "./values.ts"

/** The values that a hybrid computes for a picture. Features of its convolutions are `[1, rows, columns, channels]`. */
export interface HybridTrace {
  /** The features after the first convolution and the pooling. */
  readonly root: Values
  /** The features after the stages. Patches are cut from them. */
  readonly features: Values
  readonly embeddings: Values
  readonly probabilities: Values
}

export interface Hybrid {
  /** @param pixels RGB bytes of a square picture */
  trace(pixels: Uint8Array): Promise<HybridTrace>
}

export async function openHybrid(read: (file: string) => Promise<Uint8Array>, backend: Backend): Promise<Hybrid> {
  const files = { "config.json": await read("config.json"), "model.safetensors": await read("model.safetensors") }
  const model: Model<ImageInput> = await load(files, { backend })
  const { stem } = attentionConfig(model.config, "the guide's hybrid")
  const depth = stem?.depths.at(-1)
  if (!stem || depth === undefined)
    throw new VitrineError("config", "the guide's hybrid has no convolutions before its patches")
  const names = {
    root: "patch_embed.backbone.root",
    features: `patch_embed.backbone.stages.${stem.depths.length - 1}.blocks.${depth - 1}`,
    embeddings: "patch_embed.embeddings",
    probabilities: "probabilities",
  }
  return {
    async trace(pixels) {
      const side = Math.sqrt(pixels.length / 3)
      const taps = await model.inspect({ width: side, height: side, channels: 3, data: pixels }, Object.values(names))
      return {
        root: valuesOf(taps, names.root),
        features: valuesOf(taps, names.features),
        embeddings: valuesOf(taps, names.embeddings),
        probabilities: valuesOf(taps, names.probabilities),
      }
    },
  }
}
