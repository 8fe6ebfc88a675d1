import type { RotaryPositions, StemConfig, ViTConfig } from "./config.ts"

/** Channels of a stem's features after one of its stages, by default the last. */
export function stemWidth({ width, depths }: StemConfig, stage: number = depths.length - 1): number {
  return stage < 0 ? width : 4 * width * 2 ** stage
}

/** The stride of a stem. Height and width are divided by it, and rounded up. */
export function stemStride({ depths }: StemConfig): number {
  return 4 * 2 ** Math.max(depths.length - 1, 0)
}

/** Height and width of the image, or of the stem's features, which is cut into patches. */
export function cutSize({
  imageSize: [height, width],
  stem,
}: Pick<ViTConfig, "imageSize" | "stem">): readonly [height: number, width: number] {
  const stride = stem === null ? 1 : stemStride(stem)
  return [Math.ceil(height / stride), Math.ceil(width / stride)]
}

/** Channels of the image, or of the stem's features, which is cut into patches. */
export function cutChannels({ channels, stem }: Pick<ViTConfig, "channels" | "stem">): number {
  return stem === null ? channels : stemWidth(stem)
}

/** The name of the layer that reads the image. */
export function firstConvolution({ stem }: Pick<ViTConfig, "stem">): string {
  if (stem === null) return "patch_embed.proj"
  // timm has no name for a stem without stages.
  return stem.depths.length === 0 ? "patch_embed.backbone.conv" : "patch_embed.backbone.stem.conv"
}

/** Patches down and across. */
export function patchGrid(
  config: Pick<ViTConfig, "imageSize" | "patchSize" | "stem">,
): readonly [rows: number, columns: number] {
  const [height, width] = cutSize(config)
  return [height / config.patchSize[0], width / config.patchSize[1]]
}

/**
 * Height and width in pixels of a patch's part of the image. A hybrid's patches are computed from more than that: the result
 * is the distance between two neighbours.
 */
export function patchPixels(config: ViTConfig): readonly [height: number, width: number] {
  const [rows, columns] = patchGrid(config)
  return [config.imageSize[0] / rows, config.imageSize[1] / columns]
}

/** Tokens before the patches: class token, distillation token and registers, in this order. */
export function prefixTokens({
  classToken,
  distillationToken,
  registers,
}: Pick<ViTConfig, "classToken" | "distillationToken" | "registers">): number {
  return Number(classToken) + Number(distillationToken) + registers
}

/** Length of the sequence in the blocks: the patches and the tokens before them. */
export function tokenCount(config: ViTConfig): number {
  const [rows, columns] = patchGrid(config)
  return prefixTokens(config) + rows * columns
}

/** Rows of the table of positions that come before those of the patches. */
export function prefixPositionCount(config: ViTConfig): number {
  return config.prefixPositions ? prefixTokens(config) : 0
}

/** The rotary positions of a model; null in one with others. */
export function rotaryPositions({ positions }: Pick<ViTConfig, "positions">): RotaryPositions | null {
  return typeof positions === "object" ? positions : null
}

/** The table of positions that is added to the tokens, `pos_embed`: learned, computed, or null for none. */
export function positionTable({ positions }: Pick<ViTConfig, "positions">): "learned" | "sincos2d" | null {
  if (typeof positions === "object") return positions.table ? "learned" : null
  return positions === "none" ? null : positions
}
