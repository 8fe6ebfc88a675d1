import type { BiTConfig } from "@vitrine/resnet"

type Middles = Pick<BiTConfig, "middles">

/** The channels in the middle of blocks, if they are not a quarter of the widths. */
export function unusualMiddles(widths: readonly number[], middles: readonly number[]): Middles {
  return middles.every((middle, stage) => 4 * middle === widths[stage]) ? {} : { middles }
}

/** Rounds a width as timm and transformers do: to a multiple of 8 that is at least nine tenths of it. */
export function roundedWidth(width: number): number {
  const near = Math.max(8, Math.floor((width + 4) / 8) * 8)
  return near < 0.9 * width ? near + 8 : near
}

/** The channels in the middle of blocks, rounded as in timm and transformers. */
export function roundedMiddles(widths: readonly number[]): Middles {
  const middles = widths.map((width) => roundedWidth(width / 4))
  return unusualMiddles(widths, middles)
}
