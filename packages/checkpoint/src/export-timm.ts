import { VitrineError } from "@vitrine/core"
import type { Preprocessing } from "./preprocessing.ts"
import { beyondTimm, type ModelDescription, type TimmConfig, toTimmConfig } from "./timm.ts"

/** timm's own, which a `config.json` can hardly change. */
const timmEpsilon = 1e-6

/**
 * The `config.json` of a model that timm is to load by itself, and what it cannot say: lines for people.
 * @throws VitrineError (config) for a model that timm does not have.
 */
export function toTimm({ config, preprocessing, labels }: ModelDescription): {
  readonly config: TimmConfig
  readonly notes: readonly string[]
} {
  const { stem } = config
  const fittedStem = stem === null ? null : ({ ...stem, numerics: "timm" } as const)
  const reasons = beyondTimm({ ...config, stem: fittedStem, layerNormEpsilon: timmEpsilon })
  if (reasons.length > 0)
    throw new VitrineError("config", `timm does not have this model, with ${reasons.join(" and ")}: export it to onnx`)
  const fitted = fitTimm(preprocessing)
  const notes = [...fitted.notes]
  if (stem?.numerics === "google") notes.push("timm's stem has other ε than Google's: logits differ a little")
  if (beyondTimm({ ...config, stem: fittedStem }).length > 0)
    notes.push(`timm norms with ε = ${timmEpsilon}, this model with ${config.layerNormEpsilon}: logits differ a little`)
  return { config: toTimmConfig(config, { preprocessing: fitted.preprocessing, labels }), notes }
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
