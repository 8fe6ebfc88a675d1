import { readFile } from "node:fs/promises"
import { attentionConfig, fromTimmConfig, parseJson, readSafetensors, toFloat32 } from "@vitrine/checkpoint"
import { graph, ops, rootScope, type Tensor, type ViTConfig, vit, vitParameters } from "@vitrine/core"
import { referenceBackend } from "@vitrine/backend-reference"

/** A value of the reference backend. */
export interface ReferenceTensor {
  readonly data: ArrayLike<number>
  readonly shape: readonly number[]
}

export interface Reference {
  readonly config: ViTConfig
  /** All taps of one image, `[height, width, 3]` bytes, in float64. */
  trace(pixels: ArrayLike<number>): Promise<Readonly<Record<string, ReferenceTensor>>>
}

/** The model of the guide on the reference backend. */
export async function openReference(): Promise<Reference> {
  const folder = new URL("../../public/model/", import.meta.url)
  const [json, bytes] = await Promise.all([
    readFile(new URL("config.json", folder)),
    readFile(new URL("model.safetensors", folder)),
  ])
  const { config: modelConfig, preprocessing } = await fromTimmConfig(parseJson(json, "config.json"), "config.json")
  const config = attentionConfig(modelConfig, "the guide")
  const { tensors } = readSafetensors(bytes, "model.safetensors")
  const constants: Record<string, Float32Array> = {}
  for (const { name } of vitParameters(config)) {
    const tensor = tensors.get(name)
    if (tensor === undefined) throw new Error(`${name} is not in the file`)
    constants[name] = toFloat32(tensor)
  }
  const outputs: Record<string, Tensor> = {}
  const images = ops.input("images", ["batch", ...config.imageSize, config.channels])
  vit(rootScope({ taps: "all", onTap: (name, t) => void (outputs[name] = t) }), images, config)
  const program = await referenceBackend().compile(graph({ outputs }), { batch: 1, constants })
  const { mean, std } = preprocessing
  return {
    config,
    trace: (pixels) =>
      program.run({
        images: Float32Array.from(pixels, (value, i) => (value / 255 - Number(mean[i % 3])) / Number(std[i % 3])),
      }),
  }
}
