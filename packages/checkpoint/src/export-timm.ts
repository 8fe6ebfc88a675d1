import { VitrineError } from "@vitrine/core"
import { isBiT, type ModelConfig } from "./families.ts"
import type { Preprocessing } from "./preprocessing.ts"
import { beyondTimm, type ModelDescription, type TimmConfig, toTimmConfig } from "./timm.ts"

/** timm's own, which a `config.json` can hardly change. */
const timmEpsilon = 1e-6
/** And of its ResNets. */
const timmWeightEpsilon = 1e-8

/**
 * The `config.json` of a model that timm is to load by itself, and what it cannot say: lines for people.
 * @throws VitrineError (config) for a model that timm does not have.
 */
export function toTimm({ config, preprocessing, labels }: ModelDescription): {
  readonly config: TimmConfig
  readonly notes: readonly string[]
} {
  const model = asTimm(config)
  const reasons = beyondTimm(model.config)
  if (reasons.length > 0)
    throw new VitrineError("config", `timm does not have this model, with ${reasons.join(" and ")}: export it to onnx`)
  const { preprocessing: fitted, notes } = fitTimm(preprocessing)
  return { config: toTimmConfig(config, { preprocessing: fitted, labels }), notes: [...notes, ...model.notes] }
}

/** The model with the ε that timm computes it with, which cannot be told others, and what differs by that. */
function asTimm(config: ModelConfig): { readonly config: ModelConfig; readonly notes: readonly string[] } {
  const notes: string[] = []
  if (isBiT(config)) {
    const { weightEpsilon } = config
    if (weightEpsilon !== timmWeightEpsilon)
      notes.push(
        `timm standardises weights with ε = ${timmWeightEpsilon}, this model with ${weightEpsilon}: logits differ a little`,
      )
    return { config: { ...config, weightEpsilon: timmWeightEpsilon }, notes }
  }
  const { stem, layerNormEpsilon } = config
  const fitted = { ...config, stem: stem === null ? null : ({ ...stem, numerics: "timm" } as const) }
  if (stem?.numerics === "google") notes.push("timm's stem has other ε than Google's: logits differ a little")
  if (beyondTimm(fitted).length > 0)
    notes.push(`timm norms with ε = ${timmEpsilon}, this model with ${layerNormEpsilon}: logits differ a little`)
  return { config: { ...fitted, layerNormEpsilon: timmEpsilon }, notes }
}

/** Hugging Face's geometry by timm's means, where there is one. */
function fitTimm(preprocessing: Preprocessing): { preprocessing: Preprocessing; notes: readonly string[] } {
  const { size, resize } = preprocessing
  if (resize === undefined) return { preprocessing, notes: [] }
  const { resize: _, ...plain } = preprocessing
  if (resize === null) return { preprocessing: plain, notes: ["timm resizes images, which this model only crops"] }
  const wanted = typeof resize === "number" ? [resize, resize] : resize
  const scaled = (cropPct: number): string => size.map((side) => Math.floor(side / cropPct)).join("×")
  const cropPct = [plain.cropPct, size[0] / (wanted[0] + 0.5)].find((pct) => scaled(pct) === wanted.join("×"))
  if (cropPct === undefined) {
    const told = typeof resize === "number" ? `a shorter side of ${resize}` : resize.join("×")
    return { preprocessing: plain, notes: [`timm resizes images to ${scaled(plain.cropPct)}, this model to ${told}`] }
  }
  const note =
    "where the middle of an image lies between two pixels, timm begins its crop at the even one and this model at the upper left one"
  const odd = typeof resize === "number" || resize.some((side, axis) => (side - (size[axis] as number)) % 4 === 3)
  return { preprocessing: { ...plain, cropPct }, notes: odd ? [note] : [] }
}
