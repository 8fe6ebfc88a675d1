import { isBiT, type ModelConfig } from "vitrine"

/** A model in short: its family, depth and width. */
export function shortModel(config: ModelConfig): string {
  if (isBiT(config)) return `BiT ${config.depths.join("+")}, ${config.widths.join("-")}`
  const { stem, depth, dim, patchSize } = config
  const patch = patchSize[0] === patchSize[1] ? String(patchSize[0]) : patchSize.join("×")
  const before = stem === null ? "" : `ResNet ${stem.depths.join("+") || "root"}, `
  return `${before}ViT ${depth}×${dim} /${patch}`
}
