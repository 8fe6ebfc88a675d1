import type { RotaryPositions, StemConfig, ViTConfig } from "./config.ts"

/** The number of channels after a stage of a stem, by default the last. */
export function stemWidth({ width, depths }: StemConfig, stage: number = depths.length - 1): number {
  return stage < 0 ? width : 4 * width * 2 ** stage
}

/** The height, width and stride of a stem's first convolution. */
export function stemRoot({ root = "7x7" }: StemConfig): { readonly size: number; readonly stride: number } {
  return root === "3x3" ? { size: 3, stride: 1 } : { size: 7, stride: 2 }
}

/** The stride of a stem. The features' height and width are the image's divided by it, rounded up. */
export function stemStride(stem: StemConfig): number {
  return 2 * stemRoot(stem).stride * 2 ** Math.max(stem.depths.length - 1, 0)
}

/** Height and width of the input of the patches: the image, or the stem's features. */
export function cutSize({
  imageSize: [height, width],
  stem,
}: Pick<ViTConfig, "imageSize" | "stem">): readonly [height: number, width: number] {
  const stride = stem === null ? 1 : stemStride(stem)
  return [Math.ceil(height / stride), Math.ceil(width / stride)]
}

/** The number of channels of the input of the patches: the image, or the stem's features. */
export function cutChannels({ channels, stem }: Pick<ViTConfig, "channels" | "stem">): number {
  return stem === null ? channels : stemWidth(stem)
}

/** The name of the layer that reads the image. */
export function firstConvolution({ stem }: Pick<ViTConfig, "stem">): string {
  if (stem === null) return "patch_embed.proj"
  // timm has no name for a stem without stages.
  return stem.depths.length === 0 ? "patch_embed.backbone.conv" : "patch_embed.backbone.stem.conv"
}

/** The number of patches down and across. */
export function patchGrid(
  config: Pick<ViTConfig, "imageSize" | "patchSize" | "stem">,
): readonly [rows: number, columns: number] {
  const [height, width] = cutSize(config)
  return [height / config.patchSize[0], width / config.patchSize[1]]
}

/**
 * Height and width in pixels of a patch. For a hybrid they are the distance between two neighbouring patches, since
 * each patch depends on a larger part of the image.
 */
export function patchPixels(config: ViTConfig): readonly [height: number, width: number] {
  const [rows, columns] = patchGrid(config)
  return [config.imageSize[0] / rows, config.imageSize[1] / columns]
}

/** The number of tokens before the patches: class token, distillation token and registers, in this order. */
export function prefixTokens({
  classToken,
  distillationToken,
  registers,
}: Pick<ViTConfig, "classToken" | "distillationToken" | "registers">): number {
  return Number(classToken) + Number(distillationToken) + registers
}

/** The number of tokens in the blocks: the patches and the tokens before them. */
export function tokenCount(config: ViTConfig): number {
  const [rows, columns] = patchGrid(config)
  return prefixTokens(config) + rows * columns
}

/** The number of rows in the table of positions before those of the patches. */
export function prefixPositionCount(config: ViTConfig): number {
  return config.prefixPositions ? prefixTokens(config) : 0
}

/** The rotary positions of a model, or null if its positions are of another kind. */
export function rotaryPositions({ positions }: Pick<ViTConfig, "positions">): RotaryPositions | null {
  return typeof positions === "object" ? positions : null
}

/** The kind of the table `pos_embed`, which is added to the tokens: learned, computed, or null for no table. */
export function positionTable({ positions }: Pick<ViTConfig, "positions">): "learned" | "sincos2d" | null {
  if (typeof positions === "object") return positions.table ? "learned" : null
  return positions === "none" ? null : positions
}
