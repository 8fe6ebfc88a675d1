/** The figures of `vitrine inspect`. */
export const figureNames = [
  "filters",
  "positions",
  "distance",
  "attention",
  "rollout",
  "features",
  "neighbors",
  "curve",
  "confusion",
] as const
export type FigureName = (typeof figureNames)[number]
