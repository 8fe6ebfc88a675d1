import type { Backend } from "@vitrine/core"
import { type ImageInput, load, type Model, onlyViT } from "vitrine/web"
import type { Values } from "./values.ts"

/** What a hybrid makes of a picture: features of its convolutions, `[1, rows, columns, channels]`, tokens, and an answer. */
export interface HybridTrace {
  /** After the first convolution and the pooling. */
  readonly root: Values
  /** After the stages, from which patches are cut. */
  readonly features: Values
  readonly embeddings: Values
  readonly probabilities: Values
}

export interface Hybrid {
  /** @param pixels RGB bytes of a square picture. */
  trace(pixels: Uint8Array): Promise<HybridTrace>
}

export async function openHybrid(read: (file: string) => Promise<Uint8Array>, backend: Backend): Promise<Hybrid> {
  const files = { "config.json": await read("config.json"), "model.safetensors": await read("model.safetensors") }
  const model: Model<ImageInput> = await load(files, { backend })
  const { stem } = onlyViT(model.config, "the guide's hybrid")
  const stage = (stem?.depths.length ?? 1) - 1
  const block = (stem?.depths[stage] ?? 1) - 1
  const names = {
    root: "patch_embed.backbone.root",
    features: `patch_embed.backbone.stages.${stage}.blocks.${block}`,
    embeddings: "patch_embed.embeddings",
    probabilities: "probabilities",
  }
  return {
    async trace(pixels) {
      const side = Math.sqrt(pixels.length / 3)
      const found = await model.inspect({ width: side, height: side, channels: 3, data: pixels }, Object.values(names))
      const value = (name: string): Values => {
        const { data, shape } = found[name] as { data: unknown; shape: readonly number[] }
        return { data: data as Float32Array, shape }
      }
      return {
        root: value(names.root),
        features: value(names.features),
        embeddings: value(names.embeddings),
        probabilities: value(names.probabilities),
      }
    },
  }
}
